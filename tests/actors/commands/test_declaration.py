from typing import Any

import pytest

from actors.commands import COMMANDS, CommandError, run
from tests.world import World


def test_every_command_says_what_it_does_and_what_it_is_told() -> None:
    assert {"account add", "account remove", "account list", "account password"} <= COMMANDS.keys()
    assert {"session list", "session show", "session kick", "status", "stop"} <= COMMANDS.keys()
    for command in COMMANDS.values():
        assert command.help
        assert all(parameter.help for parameter in command.parameters)


def test_only_what_is_stored_can_be_administered_without_a_server() -> None:
    assert {name for name, command in COMMANDS.items() if not command.needs_server} == {
        name
        for name in COMMANDS
        if name.startswith(("account ", "archive ", "client ", "motd ", "push ", "roster ", "storage ", "welcome "))
        or name in {"backup", "check", "restore"}
    }


@pytest.mark.parametrize(
    ("request_", "told_"),
    [
        ({}, "there is no command None"),
        ({"command": "account"}, "there is no command 'account'"),
        ({"command": ["status"]}, r"there is no command \['status'\]"),
        ({"command": "status", "arguments": None}, "the arguments of a command are an object"),
        ({"command": "status", "arguments": {"fast": "yes"}}, "status has no parameter 'fast'"),
        ({"command": "session show"}, "session show needs full_jid"),
        ({"command": "account list", "arguments": {"domain": 1}}, "domain of account list is a text"),
        ({"command": "account add", "arguments": {"jid": None, "password": "x"}}, "account add needs jid"),
    ],
)
def test_a_request_that_is_none_is_refused(request_: dict[str, Any], told_: str) -> None:
    with pytest.raises(CommandError, match=told_):
        run(World().server, request_)
