"""ejabberd, from Debian's package: its own database, in memory and on disk, and the features that Parley has too."""

from __future__ import annotations

import shutil
from base64 import b64encode
from pathlib import Path

from tests.bench import users
from tests.bench.servers.server import HOST, Server

CONFIG = """
loglevel: warning
hosts: ["{domain}"]
certfiles: ["{certificate.chain}", "{certificate.key}"]
auth_method: mnesia
auth_password_format: scram
auth_scram_hash: sha256
default_db: mnesia
negotiation_timeout: 600
shaper: {{}}
access_rules: {{c2s: {{allow: all}}}}
shaper_rules: {{max_user_sessions: infinity, max_user_offline_messages: 1000}}
listen:
  - {{port: {port}, ip: "{host}", module: ejabberd_c2s, access: c2s, shaper: none, backlog: 4096}}
  - {{port: {tls_port}, ip: "{host}", module: ejabberd_c2s, access: c2s, shaper: none, backlog: 4096, tls: true}}
modules:
  mod_adhoc: {{}}
  mod_blocking: {{}}
  mod_caps: {{}}
  mod_configure: {{}}
  mod_disco: {{}}
  mod_last: {{}}
  mod_offline: {{}}
  mod_ping: {{}}
  mod_privacy: {{}}
  mod_private: {{}}
  mod_roster: {{versioning: true}}
  mod_vcard: {{search: false}}
  mod_version: {{}}
"""

# What the records are, in terms of Erlang, one for each account and each contact; as in its ejabberd_auth.hrl, scram.hrl
# and mod_roster.hrl.
ACCOUNT = (
    '{{passwd, {{<<"{name}">>, <<"{domain}">>}},'
    ' {{scram, <<"{stored}">>, <<"{server}">>, <<"{salt}">>, sha256, {iterations}}}}}.\n'
)
CONTACT = (
    '{{roster, {{<<"{name}">>, <<"{domain}">>, {contact}}}, {{<<"{name}">>, <<"{domain}">>}}, {contact},'
    ' <<"{called}">>, both, none, [], <<>>, []}}.\n'
)
LOAD = """
    {{ok, Records}} = file:consult("{records}"),
    lists:foreach(fun mnesia:dirty_write/1, Records),
    mnesia:dump_log(),
    init:stop().
"""


class Ejabberd(Server):
    name = "ejabberd"

    @classmethod
    def missing(cls) -> str | None:
        return None if shutil.which("erl") and _libraries() else "it is not in /usr/lib; the Debian package has its name"

    def prepare(self) -> None:
        config = self.folder / "ejabberd.yml"
        values = {"host": HOST, "port": self.port, "tls_port": self.tls_port, "domain": users.DOMAIN}
        config.write_text(CONFIG.format(certificate=self.certificate, **values))
        self.environment = {
            "EJABBERD_CONFIG_PATH": str(config),
            "EJABBERD_LOG_PATH": str(self.folder / "ejabberd.log"),
            "ERL_LIBS": str(_libraries()),
            "HOME": str(self.folder),
        }
        records = self.folder / "records"
        self._write(records)
        self.run([*self.command(), "-eval", LOAD.format(records=records)])
        records.unlink()

    def _write(self, path: Path) -> None:
        """Accounts and rosters as the records that they are in its database."""
        keys = {"stored": users.STORED_KEY, "server": users.SERVER_KEY, "salt": users.SALT}
        encoded = {name: b64encode(key).decode() for name, key in keys.items()}
        with path.open("w") as file:
            for number in range(self.users):
                own = {"name": users.name(number), "domain": users.DOMAIN}
                file.write(ACCOUNT.format(iterations=users.ITERATIONS, **own, **encoded))
                for other in users.contacts(number, self.users):
                    contact = f'{{<<"{users.name(other)}">>, <<"{users.DOMAIN}">>, <<>>}}'
                    file.write(CONTACT.format(contact=contact, called=users.name(other), **own))

    def command(self) -> list[str]:
        """As its own script has it, but without a name by which other nodes could find it."""
        flags = ["-noinput", "+K", "true", "+P", "250000", "-mnesia", "dir", f'"{self.folder}/database"']
        return ["erl", *flags, "-s", "ejabberd"]


def _libraries() -> Path | None:
    """The folder that it is installed in, among others."""
    return next((path.parent for path in Path("/usr/lib").glob("*/ejabberd-*")), None)
