"""Puts accounts and rosters where a Parley server will find them: parley_accounts.py CONFIG COUNT."""

from __future__ import annotations

import sys
from pathlib import Path

from gevent.pool import Pool

from actors import subscription
from actors.accounts import Account
from actors.roster import Counter, Kept, RosterItem
from actors.server import Server, configure
from actors.storage import Map, Record
from net.xmpp.sasl import ScramKeys
from tests.bench import users

# So many wait for the disk together: what is written at the same time is one transaction.
AT_ONCE = 500


def main(config: str, count: int) -> None:
    server = Server(configure(Path(config), ()))
    accounts = server.storage.store("accounts", Record, of=Account)
    rosters = server.storage.store("roster", Map, of=Kept)
    keys = ScramKeys("SHA-256", users.SALT, users.ITERATIONS, users.STORED_KEY, users.SERVER_KEY)
    # No client asks for SHA-1; an account has both.
    account = Account({"SHA-256": keys, "SHA-1": keys}, created=server.router.clock.now())
    counter = Kept(counter=Counter(users.GROUP - 1, "bench", {}))

    def put(number: int) -> None:
        items = {
            users.jid(other): Kept(RosterItem(subscription.BOTH, users.name(other), listed=True, version=version))
            for version, other in enumerate(users.contacts(number, count), 1)
        }
        accounts.put(users.jid(number), account)
        rosters.change(users.jid(number), {"": counter, **items})

    pool = Pool(AT_ONCE)
    for number in range(count):
        pool.spawn(put, number)
    pool.join(raise_error=True)
    server.stop()


main(sys.argv[1], int(sys.argv[2]))
