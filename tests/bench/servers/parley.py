"""Parley, on SQLite. What a client may take is not limited: all that is loaded comes from one machine."""

from __future__ import annotations

import sys
from pathlib import Path

from tests.bench.servers.server import HOST, Server

ROOT = Path(__file__).parents[3]
ACCOUNTS = Path(__file__).with_name("parley_accounts.py")
ARCHIVE = Path(__file__).with_name("parley_archive.py")

CONFIG = """
data_dir = "{folder}/data"
listen.c2s = ["{host}:{port}"]
listen.c2s_tls = ["{host}:{tls_port}"]
log.level = "warning"

[tls]
required = false
certificate = "{certificate.chain}"
key = "{certificate.key}"

[xeps]
disabled = {disabled}

[limits]
connections_per_address = 1_000_000
half_open_per_address = 1_000_000
bytes_per_second = 1_000_000_000_000
stanzas_per_second = 1_000_000_000
login_seconds = 600
"""


class Parley(Server):
    name = "parley"
    remembers = True

    def configure(self, *, archive: bool) -> None:
        self._config = self.folder / "parley.toml"
        values = {"folder": self.folder, "host": HOST, "port": self.port, "tls_port": self.tls_port}
        values["disabled"] = "[]" if archive else '["archive"]'
        self._config.write_text(CONFIG.format(certificate=self.certificate, **values))

    def prepare(self) -> None:
        self.environment = {"PYTHONPATH": str(ROOT)}
        self.run([sys.executable, str(ACCOUNTS), str(self._config), str(self.users)])

    def fill(self, user: int, count: int) -> None:
        self.run([sys.executable, str(ARCHIVE), str(self._config), str(user), str(count)])

    def command(self) -> list[str]:
        return [sys.executable, str(ROOT / "bin" / "serve"), "--config", str(self._config)]
