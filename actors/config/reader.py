"""From a TOML table to structs, with errors that name the option and what to write instead.

msgspec reads the values; the walk along the tables is ours, because its error paths do not name the keys of a table.
"""

import json
import re
import shlex
import tomllib
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from functools import cache
from typing import Any, TypeVar, cast

import msgspec
from msgspec import Struct, inspect

from actors.config.options import Address, BareJID, HostOptions, Hosts, NoOptions, XEPs
from net.xmpp.jid import JIDMalformed, prepare_domain

Key = tuple[str, ...]
Features = Mapping[str, type[Struct] | None]
Options = TypeVar("Options", bound=Struct)

# How a value of these is written.
WRITTEN: dict[type, str] = {Address: '"HOST:PORT" or "[IPv6]:PORT"', BareJID: '"LOCAL@DOMAIN"'}


class ConfigError(Exception):
    """One clear block of text: the file or argument, the dotted option, what was expected, what to write instead.

    What is quoted of a URL goes without its password.
    """

    def __init__(self, text: str) -> None:
        super().__init__(re.sub(r"(://[^:/@\s]*):[^@\s]*@", r"\1:***@", text))


@cache
def _xeps(features: tuple[tuple[str, type[Struct] | None], ...]) -> type[XEPs]:
    own = [(name, options or NoOptions) for name, options in features]
    made = msgspec.defstruct("XEPs", own, bases=(XEPs,), frozen=True, kw_only=True)
    return cast("type[XEPs]", made)


class Reader:
    """What the file and the `--set` arguments say, and which of them to name in an error."""

    def __init__(self, file: str, features: Features) -> None:
        self.file = file
        self.sets: list[tuple[Key, str]] = []
        self.xeps = _xeps(tuple(features.items()))

    def assign(self, table: dict[str, Any], argument: str) -> None:
        """Put the value of "dotted.key=VALUE" into `table`, in place of what is there."""
        left, _, right = argument.partition("=")
        try:
            key = _key(tomllib.loads(f"{left}=0"))
            (value,) = tomllib.loads(f"value={right}").values()
        except ValueError:
            example = """--set 'log.level="info"' or --set 'hosts."a.example"={}'"""
            raise ConfigError(
                f"--set {shlex.quote(argument)}: not KEY=VALUE\n    the value is TOML, with texts in quotes: {example}"
            ) from None
        for depth, name in enumerate(key[:-1], 1):
            table = table.setdefault(name, {})
            if not isinstance(table, dict):
                raise self.error(key[:depth], table, "a table")
        table[key[-1]] = value
        self.sets.append((key, argument))

    def struct(self, kind: type[Options], table: object, key: Key) -> Options:
        """The table found at `key` as a `kind`; a ValueError of its `__post_init__` says what was expected."""
        if not isinstance(table, dict):
            raise self.error(key, table, "a table")
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for name in table:
            if name not in fields:
                raise self._unknown((*key, name), nearest(name, fields, key))
        values: dict[str, Any] = {}
        for name, field in fields.items():
            own = (*key, name)
            options = self.xeps if field.type is XEPs else field.type
            if isinstance(options, type) and issubclass(options, Struct):
                values[field.name] = self.struct(options, table.get(name, {}), own)
            elif name in table and options == Hosts:
                values[field.name] = self._hosts(table[name], own)
            elif name in table:
                values[field.name] = self._value(options, table[name], own)
        try:
            return kind(**values)
        except ValueError as error:
            raise self.error(key, table, str(error)) from None

    def _hosts(self, table: object, key: Key) -> Hosts:
        if not isinstance(table, dict) or not table:
            raise self.error(key, table, 'at least one domain, such as [hosts."example.org"]')
        found: Hosts = {}
        for name, options in table.items():
            own = (*key, name)
            try:
                domain = prepare_domain(name)
            except JIDMalformed as error:
                raise self.error(own, options, f"a domain: {error}") from None
            if domain in found:
                raise self.error(own, options, f"each domain once; {domain} is there already")
            found[domain] = self.struct(HostOptions, options, own)
        return found

    def _value(self, kind: Any, value: object, key: Key) -> object:
        info = inspect.type_info(kind)
        absent = value == "" and isinstance(info, inspect.UnionType)
        try:
            return msgspec.convert(None if absent else value, kind, dec_hook=_custom)
        except msgspec.ValidationError:
            raise self.error(key, value, expected(info)) from None

    def _unknown(self, key: Key, remedy: str) -> ConfigError:
        if key[0] == "hosts" and remedy.startswith("known"):
            remedy += '; a domain with dots needs quotes: hosts."example.org"'
        return ConfigError(f"{self._source(key)}: there is no option {_dotted(key)}\n    {remedy}")

    def error(self, key: Key, found: object, expected: str) -> ConfigError:
        """What to raise for the value `found` at `key`; `expected` ends the sentence "expected ..."."""
        shown = "" if isinstance(found, dict) else f" = {json.dumps(found, default=str):.60}"
        return ConfigError(f"{self._source(key)}: {_dotted(key)}{shown}\n    expected {expected}")

    def _source(self, key: Key) -> str:
        for other, argument in reversed(self.sets):
            if all(mine == theirs for mine, theirs in zip(key, other, strict=False)):
                return f"--set {shlex.quote(argument)}"
        return self.file


def _custom(kind: type, value: object) -> object:
    if not isinstance(value, str) or not value:
        raise ValueError
    return kind(value)


def _key(table: Any) -> Key:
    names: list[str] = []
    while isinstance(table, dict):
        ((name, table),) = table.items()
        names.append(name)
    return tuple(names)


def _dotted(key: Key) -> str:
    return ".".join(
        name if re.fullmatch("[A-Za-z0-9_-]+", name) else json.dumps(name, ensure_ascii=False) for name in key
    )


def nearest(name: str, known: Iterable[str], parent: Key = ()) -> str:
    """What to write instead of `name`: the nearest of the `known` names below `parent`, or all if none is near."""
    close = get_close_matches(name, known, n=1)
    return f"did you mean {_dotted((*parent, *close))}?" if close else f"known here: {', '.join(known) or 'nothing'}"


def expected(info: inspect.Type) -> str:
    """What a value of this type has to be, for people: "a whole number from 1 to 100"."""
    match info:
        case inspect.IntType(ge=least, le=most):
            return "a whole number" + _between(least, most)
        case inspect.FloatType(ge=least, le=most):
            return "a number" + _between(least, most)
        case inspect.BoolType():
            return "true or false"
        case inspect.StrType():
            return "a text"
        case inspect.LiteralType(values=values):
            return "one of " + ", ".join(json.dumps(value) for value in values)
        case inspect.VarTupleType(item_type=item, min_length=least):
            return f"a list{f' of at least {least}' if least else ''}, each {expected(item)}"
        case inspect.CustomType(cls=cls):
            return WRITTEN.get(cls, "a path")
        case inspect.UnionType(types=types):
            return " or ".join(expected(one) for one in types)
        case inspect.NoneType():
            return '"" for none'
        case _:
            return type(info).__name__.removesuffix("Type").lower()


def _between(least: float | None, most: float | None) -> str:
    return (f" from {least}" if least is not None else "") + (f" to {most}" if most is not None else "")
