"""Rosters as values, how they are counted and stored, and what a roster set asks for."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from actors import subscription
from actors.roster import NOBODY, REMEMBERED, ROSTER, Roster, RosterItem, RosterStore, asked_change, query
from actors.storage import Storage, StorageError, open_storage
from actors.storage.memory import MemoryMap
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.xml import Element, escape, parse

OWNER = JID.parse("romeo@localhost")
LISTED = RosterItem(listed=True)
JIDS = [JID.parse(f"contact{n}@localhost") for n in range(REMEMBERED + 20)]
JULIET, NURSE, *_ = JIDS


@pytest.fixture
def storage() -> Storage:
    return open_storage("memory:")


@pytest.fixture
def store(storage: Storage) -> RosterStore:
    return RosterStore(storage)


def with_contacts(roster: Roster, *jids: JID) -> Roster:
    for jid in jids:
        roster = roster.changed(jid, LISTED)
    return roster


def without(roster: Roster, *jids: JID) -> Roster:
    for jid in jids:
        roster = roster.changed(jid, NOBODY)
    return roster


def news(roster: Roster, ver: str) -> dict[str, bool] | None:
    """Who has changed since a version, and whether they are in the roster now."""
    changes = roster.since(ver)
    return None if changes is None else {jid: item.listed for jid, item in changes}


# -- items


def _shown(item: RosterItem) -> Element:
    (shown,) = parse(query([item.xml(JULIET)]))
    return shown


def test_an_item_shows_what_it_has_and_nothing_else() -> None:
    item = RosterItem(subscription.NONE, name="J", groups=("a", "b"), listed=True, approved=True)
    shown = _shown(item)
    assert dict(shown.attrib) == {"jid": JULIET, "subscription": "none", "name": "J", "approved": "true"}
    assert [(group.tag, group.text) for group in shown] == [(f"{{{ROSTER}}}group", "a"), (f"{{{ROSTER}}}group", "b")]
    assert dict(_shown(LISTED).attrib) == {"jid": JULIET, "subscription": "none"}


@pytest.mark.parametrize("state", subscription.STATES)
def test_an_item_shows_the_subscription_and_the_users_own_request(state: str) -> None:
    """§2.1.2.2, §2.1.2.5: a request of the contact's is not shown."""
    shown = _shown(RosterItem(state, listed=True))
    assert shown.get("subscription") == state.split(maxsplit=1)[0]
    assert shown.get("ask") == ("subscribe" if "out" in state else None)


@given(st.text(), st.lists(st.text(), max_size=3))
def test_no_name_breaks_a_roster(name: str, groups: list[str]) -> None:
    """Characters that XML does not have are left out; of names from a stream there are none."""
    shown = _shown(RosterItem(name=name, groups=tuple(groups), listed=True))
    if name and escape(name) == name:
        assert shown.get("name") == name
    assert len(shown) == len(groups)


def test_an_item_that_is_not_in_the_roster_shows_as_removed() -> None:
    shown = _shown(RosterItem(name="J", groups=("a",)))
    assert dict(shown.attrib) == {"jid": JULIET, "subscription": "remove"}
    assert len(shown) == 0


# -- versions (§2.6)


def test_each_change_makes_another_version(store: RosterStore) -> None:
    roster = store.load(OWNER)
    seen = {roster.ver}
    for jid in JIDS[:5]:
        roster = roster.changed(jid, LISTED)
        seen.add(roster.ver)
    assert len(seen) == 6


def test_who_has_the_present_version_hears_nothing(store: RosterStore) -> None:
    roster = with_contacts(store.load(OWNER), JULIET)
    assert roster.since(roster.ver) == []


def test_who_has_an_earlier_version_hears_what_has_changed_since(store: RosterStore) -> None:
    first = with_contacts(store.load(OWNER), *JIDS[:5])
    last = without(with_contacts(first, NURSE, JIDS[9]), JULIET)
    assert news(last, first.ver) == {NURSE: True, JIDS[9]: True, JULIET: False}


def test_changes_come_in_the_order_in_which_they_were_made(store: RosterStore) -> None:
    first = store.load(OWNER)
    last = with_contacts(without(with_contacts(first, JULIET, NURSE), NURSE), JIDS[5])
    changes = last.since(first.ver)
    assert changes is not None
    assert [jid for jid, _ in changes] == [JULIET, NURSE, JIDS[5]]
    assert [item.version for _, item in changes] == [1, 3, 4]


def test_a_contact_that_came_back_is_not_told_as_removed(store: RosterStore) -> None:
    first = with_contacts(store.load(OWNER), JULIET)
    last = with_contacts(without(first, JULIET), JULIET)
    assert news(last, first.ver) == {JULIET: True}


def test_a_request_of_somebody_who_was_removed_does_not_hide_the_removal(store: RosterStore) -> None:
    first = with_contacts(store.load(OWNER), JULIET)
    asked = without(first, JULIET).changed(JULIET, RosterItem(subscription.NONE_IN))
    assert news(asked, first.ver) == {JULIET: False}
    assert news(asked.changed(JULIET, NOBODY), first.ver) == {JULIET: False}


def test_what_is_not_in_the_roster_is_never_told(store: RosterStore) -> None:
    first = store.load(OWNER)
    assert news(first.changed(JULIET, RosterItem(subscription.NONE_IN)), first.ver) == {}


@pytest.mark.parametrize("ver", ["", "1", "x", "other.1", "EPOCH", "EPOCH.", "EPOCH.x", "EPOCH.-1", "EPOCH.٣"])
def test_a_version_that_nobody_gave_is_unknown(store: RosterStore, ver: str) -> None:
    roster = with_contacts(store.load(OWNER), JULIET)
    assert roster.since(ver.replace("EPOCH", roster.counter.epoch)) is None


@pytest.mark.parametrize("number", ["2", "9" * 18, "9" * 10_000])
def test_a_version_of_the_future_is_unknown(store: RosterStore, number: str) -> None:
    roster = with_contacts(store.load(OWNER), JULIET)
    assert roster.since(f"{roster.counter.epoch}.{number}") is None


def test_a_version_from_before_a_removal_that_is_forgotten_is_unknown(store: RosterStore) -> None:
    full = with_contacts(store.load(OWNER), *JIDS)
    first_gone = without(full, JULIET)
    last = without(first_gone, *JIDS[1 : REMEMBERED + 1])
    assert last.since(full.ver) is None
    assert news(last, first_gone.ver) == dict.fromkeys(JIDS[1 : REMEMBERED + 1], False)


def test_what_is_forgotten_stays_forgotten_when_others_come_back(store: RosterStore) -> None:
    full = with_contacts(store.load(OWNER), *JIDS)
    last = without(full, *JIDS[: REMEMBERED + 1])
    assert with_contacts(last, JIDS[REMEMBERED]).since(full.ver) is None


ITEMS = st.sampled_from((LISTED, NOBODY, RosterItem(subscription.NONE_IN)))


@given(st.lists(st.tuples(st.sampled_from(JIDS[:4]), ITEMS)))
def test_a_client_that_applies_the_changes_has_the_roster(steps: list[tuple[JID, RosterItem]]) -> None:
    roster = RosterStore(open_storage("memory:")).load(OWNER)
    every = [roster]
    for jid, item in steps:
        every.append(roster := roster.changed(jid, item))
    for old in every:
        known = set(old.listed)
        changes = roster.since(old.ver)
        assert changes is not None
        for jid, item in changes:
            known = known | {jid} if item.listed else known - {jid}
        assert known == set(roster.listed)


def test_a_roster_that_was_told_to_somebody_does_not_change(store: RosterStore) -> None:
    before = with_contacts(store.load(OWNER), JULIET)
    after = without(with_contacts(before, NURSE), JULIET)
    assert list(before.listed) == [JULIET]
    assert list(after.listed) == [NURSE]
    assert before[NURSE] is NOBODY


# -- asleep


def test_a_roster_is_the_same_after_it_has_slept(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/test.db")
    store = RosterStore(storage)
    roster = store.load(OWNER)
    item = RosterItem(subscription.TO_IN, "J", ("a",), listed=True, approved=True, request="<presence/>")
    for jid, change in ((JULIET, item), (NURSE, LISTED), (NURSE, NOBODY)):
        roster = store.change(OWNER, roster, jid, change)
    storage.close()
    storage = open_storage(f"sqlite:///{tmp_path}/test.db")
    found = RosterStore(storage).load(OWNER)
    storage.close()
    assert dict(found) == dict(roster) == {JULIET: roster[JULIET]}
    assert found.counter == roster.counter
    assert news(found, f"{roster.counter.epoch}.2") == {NURSE: False}


def test_of_a_change_that_fails_nothing_is_stored(storage: Storage, monkeypatch: pytest.MonkeyPatch) -> None:
    store = RosterStore(storage)
    roster = store.change(OWNER, store.load(OWNER), JULIET, LISTED)

    def fail(*_: object) -> None:
        raise StorageError("made to fail")

    monkeypatch.setattr(MemoryMap, "change", fail)
    with pytest.raises(StorageError):
        store.change(OWNER, roster, NURSE, LISTED)
    found = store.load(OWNER)
    assert (dict(found), found.ver) == (dict(roster), roster.ver)


def test_a_roster_that_begins_anew_counts_anew(store: RosterStore, storage: Storage) -> None:
    roster = store.change(OWNER, store.load(OWNER), JULIET, LISTED)
    storage.forget(OWNER)
    anew = store.change(OWNER, store.load(OWNER), NURSE, LISTED)
    assert anew.since(roster.ver) is None


# -- roster sets


def asked(items: str) -> tuple[JID, RosterItem | None]:
    return asked_change(etree.fromstring(f"<query xmlns='{ROSTER}'>{items}</query>"), OWNER)


def test_a_set_asks_for_a_name_and_groups() -> None:
    jid, item = asked("<item jid='Juliet@LOCALHOST' name='J'><group>a</group><group>b</group></item>")
    assert (jid, item) == ("juliet@localhost", RosterItem(name="J", groups=("a", "b"), listed=True))


def test_a_set_asks_for_a_removal() -> None:
    assert asked("<item jid='juliet@localhost' subscription='remove'/>") == ("juliet@localhost", None)


def test_a_contact_is_a_bare_address() -> None:
    assert asked("<item jid='juliet@localhost/balcony'/>")[0] == "juliet@localhost"


@pytest.mark.parametrize("more", ["subscription='both'", "ask='subscribe'", "approved='true'"])
def test_what_only_the_server_decides_is_ignored(more: str) -> None:
    """§2.1.2.1, §2.1.2.2, §2.1.2.5"""
    assert asked(f"<item jid='juliet@localhost' {more}/>")[1] == RosterItem(listed=True)


@pytest.mark.parametrize(
    ("items", "condition"),
    [
        ("", "bad-request"),
        ("<item jid='a@b'/><item jid='c@d'/>", "bad-request"),
        ("<other xmlns='urn:x'/>", "bad-request"),
        ("<item/>", "bad-request"),
        ("<item jid=''/>", "bad-request"),
        ("<item jid='a@b'><group>g</group><group>h</group><group>g</group></item>", "bad-request"),
        ("<item jid='@b'/>", "jid-malformed"),
        ("<item jid='a b@c'/>", "jid-malformed"),
        ("<item jid='romeo@localhost'/>", "not-allowed"),
        ("<item jid='romeo@localhost/orchard'/>", "not-allowed"),
        ("<item jid='a@b'><group/></item>", "not-acceptable"),
        (f"<item jid='a@b' name='{'x' * 1024}'/>", "not-acceptable"),
        (f"<item jid='a@b' name='{'ü' * 512}'/>", "not-acceptable"),
        (f"<item jid='a@b'><group>{'x' * 1024}</group></item>", "not-acceptable"),
        (f"<item jid='a@b'>{''.join(f'<group>{n}</group>' for n in range(101))}</item>", "not-acceptable"),
    ],
)
def test_what_a_set_must_not_ask_for(items: str, condition: str) -> None:
    """§2.3.3"""
    with pytest.raises(StanzaError) as refused:
        asked(items)
    assert refused.value.condition == condition


def test_the_longest_names_are_accepted() -> None:
    _, item = asked(f"<item jid='a@b' name='{'x' * 1023}'><group>{'y' * 1023}</group></item>")
    assert item is not None
    assert (len(item.name), len(item.groups[0])) == (1023, 1023)
