"""What a command is: how it is declared, and how a request for one is carried out."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from actors.storage import StorageError
from net.control import Refused

if TYPE_CHECKING:
    from actors.config import Config
    from actors.server import Server


class CommandError(Refused):
    """The command cannot do what it was told. The text is one line for people, `condition` one of RFC 6120 §8.3.3."""

    def __init__(self, text: str, condition: str = "not-acceptable") -> None:
        super().__init__(text)
        self.condition = condition


@dataclass(frozen=True)
class Parameter:
    """One thing that a command is told, as text. `read` makes a value of that, or raises ValueError.

    `secret`: not to be shown when it is entered. `file`: a path, which the server has to be told from the root on. One
    that is not `required` and not given is None.
    """

    name: str
    read: Callable[[str], Any]
    help: str
    required: bool = True
    secret: bool = False
    file: bool = False


@dataclass(frozen=True)
class Command:
    """`do(server, **arguments)` returns a value made of what JSON has: a text, an object, or a list of objects.

    `columns` are the keys of each of these objects; empty for a command that returns no list. `needs_server`: it makes
    sense only in one that runs. `ends_server`: it returns at once, and the server ends after that. `lasts`: it may take
    as long as it takes. `goes_on`: it returns a generator of objects, and ends when nobody wants more of them.

    `alone(config)` is what is done instead while no server runs; None: the same, on one that is not started.
    `findings`: it returns an object with a list of objects, `findings`, and one of texts, `lines`; a finding whose
    `state` is "error" makes it fail.
    """

    name: str
    do: Callable[..., Any]
    help: str
    parameters: tuple[Parameter, ...]
    columns: tuple[str, ...]
    needs_server: bool
    ends_server: bool
    lasts: bool
    goes_on: bool
    alone: Callable[[Config], Any] | None
    findings: bool


COMMANDS: dict[str, Command] = {}


def command(
    name: str,
    *parameters: Parameter,
    columns: tuple[str, ...] = (),
    needs_server: bool = True,
    ends_server: bool = False,
    lasts: bool = False,
    goes_on: bool = False,
    alone: Callable[[Config], Any] | None = None,
    findings: bool = False,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declares the function below it as the command `name`, with its docstring for help."""

    def declare(do: Callable[..., Any]) -> Callable[..., Any]:
        help = inspect.getdoc(do) or ""
        COMMANDS[name] = Command(
            name, do, help, parameters, columns, needs_server, ends_server, lasts, goes_on, alone, findings
        )
        return do

    return declare


def run(server: Server, request: Mapping[str, Any]) -> Any:
    """Carries out {"command": name, "arguments": {name: text}} and returns the command's result.

    Raises CommandError, also for a request that is none.
    """
    name, given = request.get("command"), request.get("arguments", {})
    found = COMMANDS.get(name) if isinstance(name, str) else None
    if found is None:
        raise CommandError(f"there is no command {name!r}")
    if not isinstance(given, dict):
        raise CommandError("the arguments of a command are an object")
    try:
        return found.do(server, **dict(_arguments(found, given)))
    except StorageError as error:
        raise CommandError(f"{name}: {error}") from error


def _arguments(command: Command, given: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    if unknown := given.keys() - {parameter.name for parameter in command.parameters}:
        raise CommandError(f"{command.name} has no parameter {min(unknown)!r}")
    for parameter in command.parameters:
        text = given.get(parameter.name)
        if text is None and parameter.required:
            raise CommandError(f"{command.name} needs {parameter.name}")
        if not isinstance(text, str | None):
            raise CommandError(f"{parameter.name} of {command.name} is a text")
        try:
            yield parameter.name, None if text is None else parameter.read(text)
        except ValueError as error:
            raise CommandError(str(error)) from None
