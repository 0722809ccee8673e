"""bin/serve for tests: the same in the environment that the tests run in, with accounts made first.

The argument is a JSON object: "sets", options as `--set` takes them; "users", their password is "secret"; "fragile",
whether the payload <crash xmlns="urn:parley:test" of="Session"/> crashes the first actor of that class on its way;
"file", the configuration file, "" for none.
"""

# ruff: noqa: E402 - patched first of all, as in bin/serve
from gevent import monkey

monkey.patch_all()

import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from actors.actor import Actor
from actors.daemon import serve
from actors.host import Host
from actors.mailbox import Inbound, Outbound
from actors.server import Server, configure
from actors.session import Session
from actors.user import User
from net.xmpp.stanza import Stanza


def make_fragile(kind: type[Actor], message: type, stanza: Callable[[Any], Stanza]) -> None:
    handler = kind.handlers[message]

    def fragile(actor: Actor, told: Any) -> Any:
        crash = stanza(told).find("{urn:parley:test}crash")
        if crash is not None and crash.get("of") == kind.__name__:
            raise RuntimeError("as told")
        return handler(actor, told)

    kind.handlers[message] = fragile


def main(sets: list[str], users: list[str], fragile: bool, file: str) -> int:
    reread = partial(configure, Path(file) if file else None, sets)
    config = reread()
    server = Server(config)
    for domain in server.router.domains:
        for user in users:
            domain.accounts.create(domain.accounts.jid(user), "secret", server.router.clock.now())
    server.stop()
    if fragile:
        make_fragile(Session, Stanza, lambda told: told)
        make_fragile(User, Outbound, lambda told: told.stanza)
        make_fragile(Host, Inbound, lambda told: told.stanza)
    return serve(config, reread)


raise SystemExit(main(**json.loads(sys.argv[1])))
