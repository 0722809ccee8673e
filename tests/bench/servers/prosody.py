"""Prosody, from Debian's package: its own files for storage, SQLite for archives, epoll, and features as Parley's."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import ClassVar

from tests.bench import users
from tests.bench.servers.server import HOST, Server

CONFIG = """
daemonize = false
run_as_root = {as_root}
pidfile = "{folder}/prosody.pid"
data_path = "{folder}/data"
log = {{ warn = "*console" }}
gc = {{ mode = "{collector}" }}
network_backend = "epoll"
network_settings = {{ tcp_backlog = 4096 }}
interfaces = {{ "{host}" }}
c2s_ports = {{ {port} }}
c2s_direct_tls_ports = {{ {tls_port} }}
c2s_require_encryption = false
c2s_timeout = 600
authentication = "internal_hashed"
password_hash = "SHA-256"
default_iteration_count = {iterations}
modules_enabled = {{
    "roster", "saslauth", "tls", "disco", "posix", "ping", "private", "blocklist", "vcard_legacy", "time", "version",
    "lastactivity", "admin_adhoc", {archiving}
}}
storage = {{ archive = "sql" }}
sql = {{ driver = "SQLite3", database = "archive.sqlite" }}
default_archive_policy = true
modules_disabled = {{ "s2s" }}
certificates = "{folder}"
ssl = {{ certificate = "{certificate.chain}", key = "{certificate.key}" }}

VirtualHost "{domain}"
"""

ACCOUNT = """return {{
    ["salt"] = "{salt}", ["iteration_count"] = {iterations}, ["stored_key"] = "{stored}", ["server_key"] = "{server}",
}};
"""
CONTACT = '    ["{jid}"] = {{ ["subscription"] = "both", ["name"] = "{name}", ["groups"] = {{}} }},\n'
ROSTER = "return {{\n    [false] = {{ version = 1 }},\n{contacts}}};\n"


class Prosody(Server):
    """`collector`: how Lua looks for garbage; this is how Prosody comes."""

    name = "prosody"
    collector: ClassVar[str] = "incremental"

    @classmethod
    def missing(cls) -> str | None:
        return None if shutil.which("prosody") else "no program prosody; the Debian package has its name"

    def configure(self, *, archive: bool) -> None:
        self._config = self.folder / "prosody.cfg.lua"
        values = {"folder": self.folder, "host": HOST, "port": self.port, "tls_port": self.tls_port}
        values |= {"domain": users.DOMAIN, "iterations": users.ITERATIONS, "collector": self.collector}
        values["as_root"] = str(os.geteuid() == 0).lower()
        values["archiving"] = '"mam"' if archive else ""
        self._config.write_text(CONFIG.format(certificate=self.certificate, **values))

    def prepare(self) -> None:
        self._write_accounts(self.folder / "data" / users.DOMAIN)

    def _write_accounts(self, folder: Path) -> None:
        """One file for each account, and one for its roster, in the form that Prosody writes itself."""
        keys = {"stored": users.STORED_KEY.hex(), "server": users.SERVER_KEY.hex()}
        account = ACCOUNT.format(salt=users.SALT.decode(), iterations=users.ITERATIONS, **keys)
        for store in ("accounts", "roster"):
            (folder / store).mkdir(parents=True)
        for number in range(self.users):
            file = f"{users.name(number)}.dat"
            (folder / "accounts" / file).write_text(account)
            contacts = "".join(
                CONTACT.format(jid=users.jid(other), name=users.name(other))
                for other in users.contacts(number, self.users)
            )
            (folder / "roster" / file).write_text(ROSTER.format(contacts=contacts))

    def command(self) -> list[str]:
        return ["prosody", "--config", str(self._config), "-F"]


class GenerationalProsody(Prosody):
    """Far faster with many clients, and takes more memory for each."""

    name = "prosody-gen"
    collector = "generational"
