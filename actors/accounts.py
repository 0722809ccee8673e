"""The accounts of one domain: who exists, and the keys that prove it."""

from __future__ import annotations

import hmac
import logging
import os
import secrets
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any, TypeVar, get_args

import msgspec
from gevent.lock import BoundedSemaphore
from gevent.threadpool import ThreadPool

from actors.guests import Guests
from actors.storage import Record, Storage, StorageError
from net.cores import cores
from net.xmpp.jid import JID, JIDMalformed
from net.xmpp.sasl import SALT_SIZE, Hash, PasswordRefused, ScramKeys, decoy, derive, verify_password

HASHES: tuple[Hash, ...] = get_args(Hash)

log = logging.getLogger(__name__)

T = TypeVar("T")

# The owners of what decoys are made from: no account can be that, they are no JIDs.
NOBODY = " decoy secret"
ROUNDS = " decoy iterations"

# Of so many iteration counts that were in force one after the other, decoys have one.
MOST_ROUNDS = 4

# Of so many accounts that were changed last it is remembered: a login may have begun before that.
MOST_CHANGED = 10_000


class Account(msgspec.Struct, frozen=True):
    """What is stored of an account: its keys for each hash, never a password. `disabled`: why nobody may log in.

    `epoch`: another one whenever the password changes or the account is disabled. What clients were given to log in by
    counts in one epoch only.
    """

    keys: dict[Hash, ScramKeys]
    created: float
    disabled: str | None = None
    epoch: str = ""


class AccountExists(Exception):
    """There is such an account already."""


class NoSuchAccount(Exception):
    """There is no such account."""


class Accounts:
    """The accounts of `domain`. A password becomes keys in a native thread: that takes milliseconds on purpose.

    `records`: where they are kept. `guests` are anonymous users: they exist, and there is nothing to administer of
    them.
    """

    def __init__(self, domain: JID, storage: Storage, *, iterations: int) -> None:
        self.domain = domain
        self.records: Record[Account] = storage.store("accounts", Record, of=Account)
        self._secrets: Record[Any] = storage.store("secrets", Record)
        self._secret = _secret(self._secrets)
        self._changing = BoundedSemaphore()
        self._changed: dict[JID, str] = {}
        self.guests = Guests(domain)
        self.iterations = iterations

    @property
    def iterations(self) -> int:
        """The PBKDF2 count of keys that are made from now on. Those there are keep theirs: see `verify`."""
        return self._rounds[-1]

    @iterations.setter
    def iterations(self, count: int) -> None:
        known: list[int] = self._secrets.get(ROUNDS) or []
        self._rounds = [*(other for other in known if other != count), count][-MOST_ROUNDS:]
        if self._rounds != known:
            self._secrets.put(ROUNDS, self._rounds)

    def jid(self, name: str) -> JID:
        """The bare JID of an account by its localpart. Raises JIDMalformed."""
        return JID.of(name, self.domain)

    def exists(self, jid: JID) -> bool:
        """Whether there is an account for this bare JID, if only for as long as its session lasts."""
        return jid in self.guests or self.find(jid) is not None

    def find(self, jid: JID) -> Account | None:
        """The account of this bare JID; None where there is none that lasts."""
        return self.records.get(jid)

    def epoch(self, jid: JID, known: str) -> str:
        """The epoch of an account that had this one when it was looked at, which was not long ago."""
        return self._changed.get(jid, known)

    def disable(self, jid: JID, reason: str | None) -> None:
        """Lets nobody log in any more; with None for the reason, the owner again. Raises NoSuchAccount."""
        self._change(jid, disabled=reason, epoch=_new_epoch())

    def __iter__(self) -> Iterator[JID]:
        """The bare JIDs of all accounts, in alphabetical order."""
        return map(JID.parse, self.records.owners(suffix=f"@{self.domain}"))

    def count(self) -> int:
        """How many accounts there are."""
        return self.records.count_owners(suffix=f"@{self.domain}")

    def create(self, jid: JID, password: str, now: float) -> None:
        """Makes an account. Raises AccountExists; PasswordRefused for a password that none may have."""
        # Whatever was given to a former owner of the name is not for this one.
        account = Account(self._derive(password), now, epoch=_new_epoch())
        with self._changing:
            if self.exists(jid):
                raise AccountExists(jid)
            self._put(jid, account)

    def set_password(self, jid: JID, password: str) -> None:
        """Replaces the keys. Raises NoSuchAccount, PasswordRefused."""
        self._change(jid, keys=self._derive(password), epoch=_new_epoch())

    def _change(self, jid: JID, **changes: Any) -> None:
        with self._changing:
            account = self.records.get(jid)
            if account is None:
                raise NoSuchAccount(jid)
            self._put(jid, msgspec.structs.replace(account, **changes))

    def _put(self, jid: JID, account: Account) -> None:
        """Stores an account that begins another epoch. If that fails, nobody knows which one it is in."""
        self._changed.pop(jid, None)
        self.records.put(jid, account)
        self._changed[jid] = account.epoch
        if len(self._changed) > MOST_CHANGED:
            del self._changed[next(iter(self._changed))]

    def keys(self, username: str, hash: Hash) -> ScramKeys:
        """The keys for a login by this name: see `keys_of`."""
        return self.keys_of(self.named(username), username, hash)

    def named(self, username: str) -> Account | None:
        """The account that a client means by a name, which is as it wrote it. That there is none takes as long."""
        try:
            return self.records.get(self.jid(username))
        except JIDMalformed:
            return self.records.get(self.domain)  # which is nobody's

    def keys_of(self, account: Account | None, username: str, hash: Hash) -> ScramKeys:
        """The keys of the account of that name; where there is none, a decoy that nothing verifies against.

        Where accounts differ in their iterations, because the option has changed, decoys do too.
        """
        if account is not None:
            return account.keys[hash]
        try:
            name: str = self.jid(username)
        except JIDMalformed:
            name = username
        return decoy(self._secret, hash, name, self._rounds)

    def pseudonym(self, purpose: str, text: str) -> str:
        """A short name for this text: always the same, and nobody can tell the text from it."""
        return urlsafe_b64encode(hmac.digest(self._secret, f"{purpose}\0{text}".encode(), "sha256")[:9]).decode()

    def verify(self, account: Account | None, username: str, password: str) -> bool:
        """Whether this is the password of the account of that name. Takes as long where there is none.

        If its keys have fewer iterations than new ones get, they are made anew: here the password is known.
        """
        keys = self.keys_of(account, username, HASHES[-1])
        verified = _think(lambda: verify_password(keys, password))
        if verified and self.outdated(username):
            self.strengthen(self.jid(username), keys, self._derive(password))
        return verified

    def outdated(self, username: str) -> list[Hash]:
        """The hashes of an account whose keys have fewer iterations than new ones get; those of a decoy likewise."""
        if len(self._rounds) == 1:
            return []
        return [hash for hash in HASHES if self.keys(username, hash).iterations < self.iterations]

    def strengthen(self, jid: JID, old: ScramKeys, new: Mapping[Hash, ScramKeys]) -> None:
        """Gives an account these keys of the same password, unless `old` are its keys no more.

        That this cannot be stored is only logged.
        """
        try:
            with self._changing:
                account = self.records.get(jid)
                if account is not None and account.keys[old.hash] == old:  # it has not got another password meanwhile
                    self.records.put(jid, msgspec.structs.replace(account, keys={**account.keys, **new}))
        except StorageError as error:
            log.warning("the keys of %s could not be strengthened: %s", jid, error)

    def _derive(self, password: str) -> dict[Hash, ScramKeys]:
        def derived() -> dict[Hash, ScramKeys] | PasswordRefused:
            try:
                return {
                    hash: derive(hash, password, secrets.token_bytes(SALT_SIZE), self.iterations) for hash in HASHES
                }
            except PasswordRefused as refused:  # raised in the thread, it would be printed as if it were a bug
                return refused

        keys: dict[Hash, ScramKeys] | PasswordRefused = _think(derived)
        if isinstance(keys, PasswordRefused):
            raise keys
        return keys


def _think(work: Callable[[], T]) -> T:
    """What `work`, which must not raise anything, returns; others go on meanwhile."""

    def apart() -> T:
        cores.leave()
        return work()

    thought: T = _thinking().apply(apart)
    return thought


@cache
def _thinking() -> ThreadPool:
    """The native threads in which passwords become keys: few enough to leave a core to the event loop."""
    return ThreadPool(max(1, (os.cpu_count() or 1) - 1))


def _new_epoch() -> str:
    return secrets.token_urlsafe(9)


def _secret(store: Record[Any]) -> bytes:
    """The secret that decoys are made from: as lasting as the accounts are."""
    known = store.get(NOBODY)
    if known is None:
        known = secrets.token_hex(32)
        store.put(NOBODY, known)
    return bytes.fromhex(known)


__all__ = ["Account", "AccountExists", "Accounts", "NoSuchAccount", "PasswordRefused"]
