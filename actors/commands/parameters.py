"""What commands are told: how a text becomes an address, a file, a level; and the parameters that many have."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from actors.commands.declaration import Parameter
from net.xmpp.jid import JID, JIDMalformed

LEVELS = ("debug", "info", "warning", "error")


def _address(text: str, fits: Callable[[JID], bool], kind: str) -> JID:
    try:
        jid = JID.parse(text)
    except JIDMalformed as error:
        raise ValueError(f"{text!r} is not {kind}: {error}") from None
    if not fits(jid):
        raise ValueError(f"{text!r} is not {kind}")
    return jid


def bare_jid(text: str) -> JID:
    """The address of an account. Raises ValueError."""
    return _address(text, lambda jid: jid.is_bare, "an account's address, as in romeo@example.org")


def full_jid(text: str) -> JID:
    """The address of a bound session. Raises ValueError."""
    return _address(text, lambda jid: jid.is_full and bool(jid.local), "a full address, as in romeo@example.org/phone")


def traceable_jid(text: str) -> JID:
    """The address of an account or of a bound session. Raises ValueError."""
    return _address(text, lambda jid: bool(jid.local), "an address as in romeo@example.org or romeo@example.org/phone")


def jid_or_domain(text: str) -> JID:
    """The address of an account, or a domain. Raises ValueError."""
    return _address(text, lambda jid: not jid.is_full, "an account's address or a domain")


def any_jid(text: str) -> JID:
    """An address of any kind. Raises ValueError."""
    return _address(text, lambda jid: True, "an address")


def domain(text: str) -> JID:
    """A domain. Raises ValueError."""
    return _address(text, lambda jid: jid.is_domain, "a domain, as in example.org")


def absolute(text: str) -> Path:
    """A file, by its path from the root on. Raises ValueError."""
    path = Path(text)
    if not path.is_absolute() or not text.isprintable():
        raise ValueError(f"{text!r} is not a path from the root on")
    return path


def log_level(text: str) -> str:
    """A level of the log. Raises ValueError."""
    if text not in LEVELS:
        raise ValueError(f"{text!r} is none of {', '.join(LEVELS)}")
    return text


ACCOUNT = Parameter("jid", bare_jid, "The account's address, as in romeo@example.org.")
