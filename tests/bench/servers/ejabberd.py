"""ejabberd, from Debian's package: its own database and the features that Parley has too."""

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
{archiving}
"""

ARCHIVING = "  mod_mam: {default: always, assume_mam_usage: true}"

# Run inside of it, in Erlang. Each line of the file is a user with all contacts; the records are those of its
# ejabberd_auth.hrl, scram.hrl and mod_roster.hrl. Rosters and passwords are by default on the disk alone; in memory,
# and logged to the disk, they are faster.
LOAD = """
    [{{atomic, ok}} = mnesia:change_table_copy_type(Table, node(), disc_copies) || Table <- [passwd, roster]],
    {{ok, Text}} = file:read_file("{file}"),
    Keys = {{scram, <<"{stored}">>, <<"{server}">>, <<"{salt}">>, sha256, {iterations}}},
    Domain = <<"{domain}">>,
    lists:foreach(fun(Line) ->
        [Name | Contacts] = binary:split(Line, <<" ">>, [global]),
        User = {{Name, Domain}},
        mnesia:dirty_write({{passwd, User, Keys}}),
        lists:foreach(fun(Contact) ->
            JID = {{Contact, Domain, <<>>}},
            mnesia:dirty_write({{roster, {{Name, Domain, JID}}, User, JID, Contact, both, none, [], <<>>, []}})
        end, Contacts)
    end, binary:split(Text, <<"\\n">>, [global, trim])),
    ejabberd_mnesia:dump_schema(),
    mnesia:dump_log(),
    init:stop().
"""


class Ejabberd(Server):
    name = "ejabberd"

    @classmethod
    def missing(cls) -> str | None:
        return (
            None if shutil.which("erl") and _libraries() else "it is not in /usr/lib; the Debian package has its name"
        )

    def configure(self, *, archive: bool) -> None:
        config = self.folder / "ejabberd.yml"
        values = {"host": HOST, "port": self.port, "tls_port": self.tls_port, "domain": users.DOMAIN}
        values["archiving"] = ARCHIVING if archive else ""
        config.write_text(CONFIG.format(certificate=self.certificate, **values))
        self.environment = {
            "EJABBERD_CONFIG_PATH": str(config),
            "EJABBERD_LOG_PATH": str(self.folder / "ejabberd.log"),
            "ERL_LIBS": str(_libraries()),
            "HOME": str(self.folder),
        }

    def prepare(self) -> None:
        file = self.folder / "users"
        lines = ((number, *users.contacts(number, self.users)) for number in range(self.users))
        file.write_text("\n".join(" ".join(map(users.name, line)) for line in lines))
        keys = {"stored": users.STORED_KEY, "server": users.SERVER_KEY, "salt": users.SALT}
        encoded = {name: b64encode(key).decode() for name, key in keys.items()}
        load = LOAD.format(file=file, iterations=users.ITERATIONS, domain=users.DOMAIN, **encoded)
        self.run([*self.command(), "-eval", load])

    def command(self) -> list[str]:
        """As its own script has it, but without a name by which other nodes could find it."""
        flags = ["-noinput", "+K", "true", "+P", "250000", "-mnesia", "dir", f'"{self.folder}/database"']
        return ["erl", *flags, "-s", "ejabberd"]


def _libraries() -> Path | None:
    """The folder that it is installed in, among others."""
    return next((path.parent for path in Path("/usr/lib").glob("*/ejabberd-*")), None)
