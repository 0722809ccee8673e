"""Addresses as values: RFC 7622, by the PRECIS and IDNA libraries.

An address is on the path of every stanza, so parsing is cached, and each part made of ordinary ASCII skips the
libraries; what it skips to is the same result.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache
from ipaddress import AddressValueError, IPv6Address
from typing import TYPE_CHECKING, Self

import idna
from precis_i18n import get_profile

from net.xmpp.xml import escape

if TYPE_CHECKING:
    from precis_i18n.profile import Profile

_MAX_PART = 1023  # octets of UTF-8, RFC 7622 §3.2, §3.3 and §3.4
_MAX_DOMAIN_NAME = 253  # octets of A-labels and dots, RFC 1035 §3.1
_MAX_LABEL = 63

# Strings beyond this length are parsed afresh each time: 2**15 of the longest legal addresses would be a gigabyte
# that any peer could make us hold.
_MAX_CACHED = 256

_USERNAME = get_profile("UsernameCaseMapped")
_OPAQUE = get_profile("OpaqueString")

_EXCLUDED = frozenset("\"&'/:<>@")  # RFC 7622 §3.3.1

_ASCII_LOCAL = re.compile(r"[!#-%(-.0-9;=?A-Z\[-~]+")
_ASCII_LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ASCII_DOMAIN = re.compile(rf"{_ASCII_LABEL}(?:\.{_ASCII_LABEL})*")

# The contextual rules of RFC 5892 (appendices A.7 to A.9) that look at the whole string, whichever occurrence asks.
_WHOLE_STRING_RULES = tuple(re.compile(f"[{chars}]") for chars in ("\u30fb", "\u0660-\u0669", "\u06f0-\u06f9"))


class JIDMalformed(ValueError):
    """A string that is no address; the message names the part and the reason (`jid-malformed`, RFC 6120 §8.3.3.8)."""


class JID(str):
    """An address whose value is its prepared string form: equal addresses are equal strings.

    `local`, `domain` and `resource` are the prepared parts, "" where a part is absent. Made by `parse` and `of`; the
    constructor takes parts that are prepared already. Values are shared through the cache: never assign to them.
    """

    __slots__ = ("_bare", "_xml", "domain", "local", "resource")

    local: str
    domain: str
    resource: str
    _bare: JID | None  # None where it would be the value itself: a reference cycle would outlive its cache entry
    _xml: str | None

    def __new__(cls, local: str, domain: str, resource: str = "", bare: JID | None = None) -> Self:
        text = f"{local}@{domain}" if local else domain
        # Only a resourcepart may hold characters to escape (RFC 7622 §3.3.1 keeps them out of localparts).
        escaped = escape(resource) if resource else ""
        self = super().__new__(cls, f"{text}/{resource}" if resource else text)
        self.local = local
        self.domain = domain
        self.resource = resource
        self._bare = bare
        self._xml = None if escaped == resource else f"{text}/{escaped}"
        return self

    @staticmethod
    def parse(text: str) -> JID:
        """The address written as `text`, split as in RFC 7622 §3.1; raises `JIDMalformed`."""
        return _parse(text) if len(text) <= _MAX_CACHED else _parse.__wrapped__(text)

    @staticmethod
    def of(local: str, domain: str, resource: str = "") -> JID:
        """The address with these parts, prepared or not; "" leaves out a part. Raises `JIDMalformed`."""
        host = prepare_domain(domain)
        bare = JID.parse(f"{prepare_local(local)}@{host}" if local else host)
        return bare.with_resource(resource) if resource else bare

    @property
    def bare(self) -> JID:
        """The address without its resourcepart: the value itself when it has none."""
        return self._bare or self

    @property
    def is_domain(self) -> bool:
        """A domainpart alone."""
        return not self.local and not self.resource

    @property
    def is_bare(self) -> bool:
        """`local@domain`."""
        return bool(self.local) and not self.resource

    @property
    def is_full(self) -> bool:
        """With a resourcepart."""
        return bool(self.resource)

    @property
    def xml(self) -> str:
        """The address as it stands between double quotes in an XML attribute."""
        return self._xml or self

    def with_resource(self, resource: str) -> JID:
        """The same bare address with this resourcepart; raises `JIDMalformed`, also for an empty one."""
        return JID.parse(f"{self.bare}/{resource}")

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return JID.parse, (str(self),)


@lru_cache(maxsize=2**15)
def _parse(text: str) -> JID:
    # Separators are matched before any preparation, which may produce others (RFC 7622 §3.1).
    address, slash, resource = text.partition("/")
    if slash:
        bare = JID.parse(address)
        return JID(bare.local, bare.domain, prepare_resource(resource), bare)
    head, at, tail = address.partition("@")
    return JID(prepare_local(head), prepare_domain(tail)) if at else JID("", prepare_domain(head))


def prepare_local(text: str) -> str:
    """The localpart in the form to store and compare (RFC 7622 §3.3); raises `JIDMalformed`."""
    _check_size("localpart", text)
    if _ASCII_LOCAL.fullmatch(text):
        return text.lower()
    prepared = _enforce("localpart", _USERNAME, text)
    if not _EXCLUDED.isdisjoint(prepared):
        raise JIDMalformed("localpart contains an excluded character")
    return prepared


def prepare_resource(text: str) -> str:
    """The resourcepart in the form to store and compare (RFC 7622 §3.4); raises `JIDMalformed`."""
    _check_size("resourcepart", text)
    if text.isascii() and text.isprintable():
        return text
    return _enforce("resourcepart", _OPAQUE, text)


@lru_cache(maxsize=1024)
def prepare_domain(text: str) -> str:
    """The domainpart in the form to store and compare (RFC 7622 §3.2): an IPv6 literal in brackets, or U-labels.

    An IPv4 literal has one spelling, which is also a valid name, and is kept as it is. Raises `JIDMalformed`.
    """
    _check_size("domainpart", text)
    lower = text.removesuffix(".").lower()
    # "--" is where A-labels begin and what IDNA forbids in the same place of other labels.
    if len(lower) <= _MAX_DOMAIN_NAME and "--" not in lower and _ASCII_DOMAIN.fullmatch(lower):
        return lower
    return _ip_literal(lower) if lower.startswith("[") else _domain_name(lower)


def _ip_literal(text: str) -> str:
    try:
        # A zone (RFC 6874) means something on the peer's own links only.
        if text.endswith("]") and "%" not in text:
            return f"[{IPv6Address(text[1:-1])}]"
    except AddressValueError:
        pass  # its message repeats the whole text
    raise JIDMalformed("domainpart is not an IPv6 literal in brackets")


def _domain_name(lower: str) -> str:
    """U-labels of a name in lower case, by the mapping of RFC 5895 §2 and both ways through IDNA2008."""
    mapped = unicodedata.normalize("NFC", _USERNAME.width_mapping_rule(lower))
    # Checked first because IDNA's contextual rules take time in the square of the label's length.
    if not all(0 < len(label) <= _MAX_LABEL for label in mapped.split(".")):
        raise JIDMalformed("domainpart has an empty or overlong label")
    try:
        return idna.decode(idna.encode(mapped, strict=True), strict=True)
    except UnicodeError as error:
        raise JIDMalformed(f"domainpart: {error}") from error


def _enforce(part: str, profile: Profile, text: str) -> str:
    """What `profile.enforce` does (RFC 8264 §7), in time linear in the length of `text`."""
    try:
        prepared = profile.idempotence_check(profile.apply_five_rules(text))
        profile.base.enforce(_with_fewer_questions(prepared))
    except UnicodeEncodeError as error:
        raise JIDMalformed(f"{part}: {error.reason}") from error
    _check_size(part, prepared)
    return prepared


def _with_fewer_questions(text: str) -> str:
    """`text` where each whole-string rule is asked for once: a kilobyte that asks at every character takes 50 ms.

    The other occurrences become a digit, which is always allowed, and which no contextual rule can tell from them.
    """
    for asking in _WHOLE_STRING_RULES:
        if first := asking.search(text):
            text = text[: first.end()] + asking.sub("0", text[first.end() :])
    return text


def _check_size(part: str, text: str) -> None:
    if not text:
        raise JIDMalformed(f"{part} is empty")
    if len(text) > _MAX_PART or (not text.isascii() and len(text.encode(errors="surrogatepass")) > _MAX_PART):
        raise JIDMalformed(f"{part} exceeds {_MAX_PART} octets")
