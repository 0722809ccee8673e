"""Admin commands, as functions: whoever lets people administer a server finds them here.

A command is declared where it is written: its name, its parameters, and whether it needs a server that runs. It is
given a `Server`; one that has not been started will do for those that need none, since that has all the actors and
hears nobody. All of this happens at the edge of the actors: here, and nowhere within, they are asked and waited for.
"""

from actors.commands import (
    accounts,
    archive,
    check,
    clients,
    hosts,
    notices,
    push,
    reports,
    rosters,
    server,
    sessions,
    storage,
)
from actors.commands.declaration import COMMANDS, Command, CommandError, Parameter, run
from actors.commands.parameters import bare_jid

__all__ = [
    "COMMANDS",
    "Command",
    "CommandError",
    "Parameter",
    "accounts",
    "archive",
    "bare_jid",
    "check",
    "clients",
    "hosts",
    "notices",
    "push",
    "reports",
    "rosters",
    "run",
    "server",
    "sessions",
    "storage",
]
