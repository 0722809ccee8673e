"""The accounts of one domain: who exists, and the keys that prove it."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from typing import get_args

import gevent
import msgspec
from gevent.lock import BoundedSemaphore

from actors.storage import Record, Storage
from net.xmpp.jid import JID, JIDMalformed
from net.xmpp.sasl import SALT_SIZE, Hash, PasswordRefused, ScramKeys, decoy, derive, verify_password

HASHES: tuple[Hash, ...] = get_args(Hash)

# The owner of the server's own secret: no account can be that, it is no JID.
NOBODY = " decoy secret"


class Account(msgspec.Struct, frozen=True):
    """What is stored of an account: its keys for each hash, never a password."""

    keys: dict[Hash, ScramKeys]
    created: float


class AccountExists(Exception):
    """There is such an account already."""


class NoSuchAccount(Exception):
    """There is no such account."""


class Accounts:
    """The accounts of `domain`. A password becomes keys in a native thread: that takes milliseconds on purpose."""

    def __init__(self, domain: JID, storage: Storage, *, iterations: int) -> None:
        self.domain = domain
        self._iterations = iterations
        self._records: Record[Account] = storage.store("accounts", Record, of=Account)
        self._secret = _secret(storage)
        self._changing = BoundedSemaphore()

    def jid(self, name: str) -> JID:
        """The bare JID of an account by its localpart. Raises JIDMalformed."""
        return JID.of(name, self.domain)

    def exists(self, jid: JID) -> bool:
        """Whether there is an account for this bare JID."""
        return self._records.get(jid) is not None

    def __iter__(self) -> Iterator[JID]:
        """The bare JIDs of all accounts, in alphabetical order."""
        return map(JID.parse, self._records.owners(suffix=f"@{self.domain}"))

    def create(self, jid: JID, password: str, now: float) -> None:
        """Makes an account. Raises AccountExists; PasswordRefused for a password that none may have."""
        account = Account(self._derive(password), now)
        with self._changing:
            if self.exists(jid):
                raise AccountExists(jid)
            self._records.put(jid, account)

    def set_password(self, jid: JID, password: str) -> None:
        """Replaces the keys. Raises NoSuchAccount, PasswordRefused."""
        keys = self._derive(password)
        with self._changing:
            account = self._records.get(jid)
            if account is None:
                raise NoSuchAccount(jid)
            self._records.put(jid, msgspec.structs.replace(account, keys=keys))

    def keys(self, username: str, hash: Hash) -> ScramKeys:
        """The keys for a login by this name; a decoy that nothing verifies against where there is no such account.

        The name is as the client wrote it. That there is no account shows neither in the answer nor in its time.
        """
        try:
            jid = self.jid(username)
        except JIDMalformed:
            jid = None
        # The same look-up is made for a name that cannot be one.
        account = self._records.get(jid or self.domain)
        if account is None or jid is None:
            return decoy(self._secret, hash, jid or username, self._iterations)
        return account.keys[hash]

    def verify(self, username: str, password: str) -> bool:
        """Whether this is the account's password. Takes as long where there is no account."""
        keys = self.keys(username, HASHES[-1])
        return bool(gevent.get_hub().threadpool.apply(verify_password, (keys, password)))

    def _derive(self, password: str) -> dict[Hash, ScramKeys]:
        def derived() -> dict[Hash, ScramKeys] | PasswordRefused:
            try:
                return {
                    hash: derive(hash, password, secrets.token_bytes(SALT_SIZE), self._iterations) for hash in HASHES
                }
            except PasswordRefused as refused:  # raised in the thread, it would be printed as if it were a bug
                return refused

        keys: dict[Hash, ScramKeys] | PasswordRefused = gevent.get_hub().threadpool.apply(derived)
        if isinstance(keys, PasswordRefused):
            raise keys
        return keys


def _secret(storage: Storage) -> bytes:
    """The secret that decoys are made from: as lasting as the accounts are."""
    store = storage.store("secrets", Record)
    known = store.get(NOBODY)
    if known is None:
        known = secrets.token_hex(32)
        store.put(NOBODY, known)
    return bytes.fromhex(known)


__all__ = ["Account", "AccountExists", "Accounts", "NoSuchAccount", "PasswordRefused"]
