"""XEP-0055: Jabber Search."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Annotated, Any

import gevent
import msgspec

from actors.hooks import XEP, Aside, Feature, asks
from actors.host import Domain, Host
from actors.storage import Record
from net.xmpp import forms
from net.xmpp.errors import StanzaError
from net.xmpp.forms import Field, Form, FormRefused, Submission
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from net.xmpp.xml import Element, element, parse

NAMESPACE = "jabber:iq:search"
QUERY = f"{{{NAMESPACE}}}query"

VCARD = "{vcard-temp}"

# What can be searched for, and where that stands in a vCard (XEP-0054).
PLACES = {
    "first": f"{VCARD}N/{VCARD}GIVEN",
    "last": f"{VCARD}N/{VCARD}FAMILY",
    "nick": f"{VCARD}NICKNAME",
    "email": f"{VCARD}EMAIL/{VCARD}USERID",
}

FORM = Form(
    NAMESPACE,
    "Search for people",
    "Fill in one or more fields: what you look for has to begin so.",
    (
        Field("first", label="Given name"),
        Field("last", label="Family name"),
        Field("nick", label="Nickname"),
        Field("email", label="Email address"),
    ),
)
COLUMNS = (*FORM.fields, Field("jid", "jid-single", "Address"))

# After so many cards others get their turn.
AT_ONCE = 50


class SearchOptions(msgspec.Struct, frozen=True, kw_only=True):
    """`results`: how many people one search finds at most."""

    results: Annotated[int, msgspec.Meta(ge=1, le=1000)] = 50


class Search(Feature):
    """Finds the users of a domain by what stands in their vCards, for each other and nobody else."""

    implements = (XEP(55, "1.3", "Jabber Search"),)
    advertises = (NAMESPACE,)
    requires = ("vcard",)
    Options = SearchOptions

    def __init__(self, domain: Domain, options: Any) -> None:
        super().__init__(domain, options)
        self._cards = domain.storage.store("vcard", Record, of=str)

    @property
    def wanted(self) -> bool:
        """Only where the host's options allow it."""
        return self.domain.options.search

    @asks("get", QUERY, of=Host)
    def ask(self, host: Host, iq: Stanza) -> Stanza:
        """§2.1, §3: the fields there are, in both ways."""
        self._authorise(iq)
        fields = [element(f"{{{NAMESPACE}}}{field.var}") for field in FORM.fields]
        instructions = element(f"{{{NAMESPACE}}}instructions", FORM.instructions)
        return iq.result(element(QUERY, None, instructions, *fields, FORM.xml()))

    @asks("set", QUERY, of=Host)
    def search(self, host: Host, iq: Stanza) -> Aside:
        """§2.1, §3. Reads every vCard there is."""
        self._authorise(iq)
        query = iq.payload
        assert query is not None
        form = query.find(forms.X)
        try:
            entered = FORM.read(form) if form is not None else _fields(query)
        except FormRefused as refused:
            raise StanzaError("not-acceptable", str(refused)) from None
        wanted = {name: text for name in PLACES if (text := entered.text(name).strip().casefold())}
        if not wanted:
            raise StanzaError("not-acceptable", "something to look for is needed")
        return Aside(lambda: iq.result(self._results(wanted, in_a_form=form is not None)))

    def _results(self, wanted: Mapping[str, str], *, in_a_form: bool) -> Element:
        """In the way in which they were asked for; nothing at all for nobody (§2.1)."""
        found = list(islice(self._find(wanted), self.options.results))
        if in_a_form and found:
            return element(
                QUERY, None, forms.table(COLUMNS, ([*known.values(), jid] for jid, known in found), NAMESPACE)
            )
        return element(QUERY, None, *(_item(jid, known) for jid, known in found))

    def _authorise(self, iq: Stanza) -> None:
        """Everybody's address with everybody's name is not for all the world to collect."""
        if iq.from_ is None or iq.from_.domain != self.domain.name:
            raise StanzaError("not-allowed", "only users of this domain can search here")

    def _find(self, wanted: Mapping[str, str]) -> Iterator[tuple[JID, dict[str, str]]]:
        for read, owner in enumerate(self._cards.owners(suffix=f"@{self.domain.name}")):
            if read % AT_ONCE == 0:
                gevent.sleep(0)
            jid = JID.parse(owner)
            card = self._cards.get(jid)
            known = _known(parse(card.encode())) if card else {}
            fits = all(known.get(name, "").casefold().startswith(text) for name, text in wanted.items())
            if fits and self.domain.accounts.exists(jid):
                yield jid, known


def _fields(query: Element) -> Submission:
    return Submission({name: (query.findtext(f"{{{NAMESPACE}}}{name}") or "",) for name in PLACES})


def _known(card: Element) -> dict[str, str]:
    """What of a vCard can be searched for, and shown."""
    return {name: (card.findtext(place) or "").strip() for name, place in PLACES.items()}


def _item(jid: JID, known: Mapping[str, str]) -> Element:
    fields = (element(f"{{{NAMESPACE}}}{name}", text) for name, text in known.items())
    return element(f"{{{NAMESPACE}}}item", None, *fields, jid=jid)
