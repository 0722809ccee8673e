"""One file per XEP, found by looking. docs/writing-a-xep.md tells how to add one."""
