"""A PostgreSQL server of our own, from Debian's package, for as long as it is needed."""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import psycopg

from tests.peers import need

USER = "postgres"  # whom the package makes: PostgreSQL does not run as root


class PostgresServer:
    """Listens on a socket in a folder of its own. It trusts everybody, and does not care for the disk."""

    def __enter__(self) -> Self:
        versions = sorted(Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: float(path.parent.name))
        self._programs = str(versions[-1]) if versions else "/usr/lib/postgresql"
        need("initdb", "pg_ctl", path=self._programs)
        self._as = {"user": USER, "group": USER, "extra_groups": []} if os.geteuid() == 0 else {}
        # Not in the folder of the test run, which is closed to the other user.
        self.folder = Path(tempfile.mkdtemp(prefix="parley-postgres-"))
        if self._as:
            os.chown(self.folder, pwd.getpwnam(USER).pw_uid, -1)
        self._run("initdb", "--auth=trust", "--username=parley", "--encoding=UTF8", "--no-locale", "--no-sync")
        self.start()
        return self

    def __exit__(self, *exception: object) -> None:
        if self.running:
            self.stop()
        shutil.rmtree(self.folder)

    @property
    def running(self) -> bool:
        return (self.folder / "data" / "postmaster.pid").exists()

    def start(self) -> None:
        """Returns when it can be connected to."""
        options = f"-c listen_addresses= -c unix_socket_directories={self.folder} -c fsync=off"
        self._run("pg_ctl", "start", "--wait", "--silent", f"--log={self.folder / 'log'}", f"--options={options}")

    def stop(self) -> None:
        """Every connection is cut."""
        self._run("pg_ctl", "stop", "--wait", "--silent", "--mode=fast")

    def url(self, database: str) -> str:
        return f"postgresql://parley@/{database}?host={self.folder}"

    def do(self, statement: str, database: str = "template1") -> None:
        """Has it carried out as by somebody else."""
        with self._connect(database) as connection:
            connection.autocommit = True
            connection.execute(statement.encode())

    @contextmanager
    def holding(self, statement: str, database: str) -> Iterator[None]:
        """Somebody else has carried it out, and not committed."""
        with self._connect(database) as connection:
            connection.execute(statement.encode())
            yield

    def _connect(self, database: str) -> psycopg.Connection[Any]:
        return psycopg.connect(host=str(self.folder), user="parley", dbname=database)

    def empty(self, database: str, how: str = "") -> str:
        """Makes a database of that name in place of any there is; returns its URL."""
        self.do(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
        self.do(f"CREATE DATABASE {database} {how}")
        return self.url(database)

    def _run(self, program: str, *arguments: str) -> None:
        command = [f"{self._programs}/{program}", f"--pgdata={self.folder / 'data'}", *arguments]
        # Not into a pipe, which the server would inherit and keep open.
        with (self.folder.parent / f"{self.folder.name}.out").open("w+") as out:
            ended = subprocess.run(command, stdout=out, stderr=out, cwd="/", check=False, **self._as)
            out.seek(0)
            assert ended.returncode == 0, out.read()
        Path(out.name).unlink()
