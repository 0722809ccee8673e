"""A server that is measured: a process in a scratch folder of its own, on ports of its own."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import ClassVar, NamedTuple, Self

from tests.bench.login import HEADER

HOST = "127.0.0.1"

# Ends it when the process that has started it ends, in whatever way.
MORTAL = ("setpriv", "--pdeathsig", "TERM")

PATIENCE = 60.0
"""Seconds that it may take to start, and to stop."""


class CannotRun(Exception):
    """A server does not do what it has to; the message has the end of what it says about it."""


class Certificate(NamedTuple):
    """The PEM files of the certificate that every server shows, and of its key."""

    chain: Path
    key: Path


class Server(ABC):
    """`users` accounts in `folder`, which exists and is empty. Runs inside `with`, as often as one likes.

    `port` is that of plain connections, `tls_port` that of those with TLS from the start.
    """

    name: ClassVar[str]
    # Whether its archives can be filled in an acceptable time.
    remembers: ClassVar[bool] = False

    def __init__(self, folder: Path, users: int, certificate: Certificate) -> None:
        self.folder = folder
        self.users = users
        self.certificate = certificate
        self.port, self.tls_port = free_ports(2)
        self._log = folder / "log"
        self._remembered: set[int] = set()
        self.environment: dict[str, str] = {}
        self.configure(archive=False)
        self.prepare()

    @classmethod
    def missing(cls) -> str | None:
        """What has to be installed before this server can be measured."""
        return None

    @abstractmethod
    def prepare(self) -> None:
        """Writes the accounts. Raises CannotRun."""

    @abstractmethod
    def configure(self, *, archive: bool) -> None:
        """Writes the configuration that it is started with next; `archive`: all messages are kept for both sides."""

    def remember(self, kept: Mapping[int, int]) -> None:
        """Writes so many messages into the archives of these users, once. Only of one that `remembers`; CannotRun."""
        for user, count in kept.items():
            if user not in self._remembered:
                self.fill(user, count)
                self._remembered.add(user)

    def fill(self, user: int, count: int) -> None:
        """Writes so many messages into the archive of a user."""
        raise NotImplementedError

    @abstractmethod
    def command(self) -> list[str]:
        """The command that runs it in the foreground."""

    @property
    def pid(self) -> int:
        """The process that it is, or the first of them."""
        return self._process.pid

    def __enter__(self) -> Self:
        self._process = self._begin(self.command())
        try:
            self._await()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *exception: object) -> None:
        _end(self._process)

    def _await(self) -> None:
        deadline = time.monotonic() + PATIENCE
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise CannotRun(f"{self.name} does not start: {self._said()}")
            time.sleep(0.02)

    def run(self, command: list[str]) -> None:
        """Has a command of its preparation done. Raises CannotRun."""
        process = self._begin(command)
        try:
            status = process.wait()
        finally:
            _end(process)
        if status:
            raise CannotRun(f"{self.name} cannot be prepared: {self._said()}")

    def _begin(self, command: list[str]) -> subprocess.Popen[bytes]:
        with self._log.open("ab") as log:
            return subprocess.Popen(
                [*MORTAL, *command],
                cwd=self.folder,
                env={**os.environ, **self.environment},
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _answers(self) -> bool:
        """Whether somebody is there who speaks XMPP: some open their ports long before they do."""
        try:
            with socket.create_connection((HOST, self.port), timeout=PATIENCE) as sock:
                sock.sendall(HEADER)
                return bool(sock.recv(1))
        except OSError:
            return False

    def _said(self) -> str:
        return self._log.read_text(errors="replace")[-2000:]


def free_ports(count: int) -> list[int]:
    """Ports that nobody listens on now."""
    sockets = [socket.create_server((HOST, 0)) for _ in range(count)]
    ports = [sock.getsockname()[1] for sock in sockets]
    for sock in sockets:
        sock.close()
    return ports


def _end(process: subprocess.Popen[bytes]) -> None:
    """Asks it to stop; whatever is left of it after a while is killed."""
    process.terminate()
    with suppress(subprocess.TimeoutExpired):
        process.wait(PATIENCE)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
