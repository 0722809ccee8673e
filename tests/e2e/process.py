"""A server in a process of its own."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

ROOT = Path(__file__).parents[2]
RUN = Path(__file__).with_name("run_server.py")
LISTENING = re.compile(r"listening for (\w+) on \S+ port (\d+)")
PATIENCE = 20.0


class Process:
    """Runs a server for `localhost` with an account for each of `users`, whose password is "secret".

    `ports` by the name of the listener, "c2s" and "c2s_tls". `sets` are options as `--set` takes them; `file` is
    the configuration file; `env` is added to the environment.
    """

    def __init__(
        self,
        folder: Path,
        *users: str,
        sets: tuple[str, ...] = (),
        fragile: bool = False,
        file: str = "",
        env: Mapping[str, str] | None = None,
    ) -> None:
        fixed = (
            f'data_dir="{folder / "data"}"',
            "sasl.iterations=4096",
            'listen.c2s=["127.0.0.1:0"]',
            'listen.c2s_tls=["127.0.0.1:0"]',
        )
        self._log = folder / "log"
        self._env = {**os.environ, "PYTHONPATH": str(ROOT), **(env or {})}
        self._arguments = json.dumps({"sets": [*fixed, *sets], "users": users, "fragile": fragile, "file": file})

    def __enter__(self) -> Self:
        with self._log.open("wb") as log:
            self._process = subprocess.Popen(
                [sys.executable, RUN, self._arguments],
                cwd=ROOT,
                env=self._env,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
            )
        deadline = time.monotonic() + PATIENCE
        while len(ports := dict(LISTENING.findall(self.log))) < 2:
            assert self._process.poll() is None, self.log
            assert time.monotonic() < deadline, self.log
            time.sleep(0.01)
        self.ports = {name: int(port) for name, port in ports.items()}
        return self

    @property
    def log(self) -> str:
        """What the server has logged."""
        return self._log.read_text()

    @property
    def memory(self) -> int:
        """The most bytes of memory it has had so far."""
        return self._status("VmHWM")

    @property
    def memory_now(self) -> int:
        """The bytes of memory that it has."""
        return self._status("VmRSS")

    def _status(self, field: str) -> int:
        found = re.search(rf"{field}:\s+(\d+) kB", Path(f"/proc/{self.pid}/status").read_text())
        assert found is not None
        return int(found[1]) * 1024

    @property
    def pid(self) -> int:
        return self._process.pid

    def signal(self, number: signal.Signals) -> None:
        self._process.send_signal(number)

    def terminate(self) -> None:
        """Asks the server to stop."""
        self.signal(signal.SIGTERM)

    def kill(self) -> None:
        """Ends the server as a power cut does; returns when it has gone."""
        self._process.kill()
        self._process.wait()

    def wait(self, seconds: float = PATIENCE) -> int:
        """Waits for its end; returns the exit status."""
        return self._process.wait(seconds)

    def __exit__(self, *exception: object) -> None:
        if self._process.poll() is None:
            self.terminate()
        try:
            self.wait()
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise
