"""The version of this server, said to admins and to the network (XEP-0092)."""

VERSION = "0.1.0"
