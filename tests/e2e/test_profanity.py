"""profanity, a client for terminals, in a terminal: alice sits at it, bob uses slixmpp."""

import asyncio
import os
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.e2e.client import Client
from tests.e2e.process import Process
from tests.e2e.raw import PATIENCE, run
from tests.peers import need


class Terminal:
    """A terminal with one program in it, which has `home` to itself."""

    def __init__(self, home: Path) -> None:
        self._home = home
        home.mkdir()

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-S", str(self._home / "tmux"), "-f", "/dev/null", *arguments]
        path = os.environ["PATH"]
        environment = {"HOME": str(self._home), "PATH": path, "LANG": "C.UTF-8", "TERM": "xterm"}
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    def starts(self, program: str) -> None:
        self._tmux("new-session", "-d", "-x", "100", "-y", "50", program)

    def types(self, line: str) -> None:
        self._tmux("send-keys", "-l", line)
        self._tmux("send-keys", "Enter")

    async def shows(self, pattern: str) -> None:
        """Waits until the screen shows this."""
        screen = ""
        try:
            async with asyncio.timeout(PATIENCE):
                while re.search(pattern, screen := self._tmux("capture-pane", "-p")) is None:
                    await asyncio.sleep(0.02)
        except TimeoutError:
            pytest.fail(f"{pattern} was never shown:\n{screen}")

    def closes(self) -> None:
        self._tmux("kill-server")


@pytest.fixture
def terminal(tmp_path: Path) -> Iterator[Terminal]:
    need("profanity", "tmux")
    terminal = Terminal(tmp_path / "home")
    terminal.starts("profanity")
    yield terminal
    terminal.closes()


def test_a_person_at_a_terminal_meets_and_talks_and_finds_what_came_while_they_were_away(
    tmp_path: Path, terminal: Terminal
) -> None:
    async def alice_arrives(listener: str, tls: str) -> None:
        terminal.types(f"/connect alice@localhost server 127.0.0.1 port {server.ports[listener]} tls {tls}")
        await terminal.shows("Enter password:")
        terminal.types("secret")
        if tls == "legacy":  # profanity's word for TLS from the first byte; it asks about the certificate then
            await terminal.shows("Use '/tls allow' to accept this certificate")
            terminal.types("/tls allow")
        await terminal.shows(r"\[TLS\] \[online\]")

    async def scenario() -> None:
        await terminal.shows(r"Type '/help' to show complete help")
        await alice_arrives("c2s", "trust")
        await terminal.shows("alice@localhost/profanity.* logged in successfully")
        bob = Client("bob")
        await bob.arrives(server)

        terminal.types("/sub request bob@localhost")
        await terminal.shows("Received authorization request from bob@localhost")
        terminal.types("/sub allow bob@localhost")
        assert await bob.sees("got_online") == "alice@localhost"
        terminal.types("/msg bob@localhost hello from the terminal")
        assert await bob.hears() == ("alice@localhost", "hello from the terminal")
        await terminal.shows(r"bob@localhost.* \[online\] .*\[online\]")
        bob.tells("alice", "hello yourself")
        await terminal.shows("hello yourself")

        await bob.leaves()
        await terminal.shows(r"bob@localhost.* \[offline\] .*\[online\]")
        terminal.types("this will wait")
        await terminal.shows("me: this will wait")
        terminal.types("/win 1")
        terminal.types("/ping")
        await terminal.shows("Ping response from")  # by a server that has had that line before
        again = Client("bob")
        await again.arrives(server)
        assert await again.hears() == ("alice@localhost", "this will wait")
        assert await again.sees("got_online") == "alice@localhost"

        terminal.types("/disconnect")
        assert await again.sees("got_offline") == "alice@localhost"
        again.tells("alice", "so will this")
        again.tells("bob", "a line to myself, behind the other")
        assert await again.hears() == ("bob@localhost", "a line to myself, behind the other")
        await alice_arrives("c2s_tls", "legacy")
        terminal.types("/msg bob@localhost")
        await terminal.shows("so will this")
        await again.leaves()

    with Process(tmp_path, "alice", "bob") as server:
        run(scenario())
        assert "Traceback" not in server.log
