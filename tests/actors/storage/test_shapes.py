"""The contract of the four shapes, held by every backend."""

from typing import Any

import msgspec
import pytest

from actors.storage import Archive, Blobs, Entry, Extent, Map, Record, Storage, StorageClosed, StorageError, Words
from actors.xeps.archive.search import catch_up
from net.xmpp.jid import JID

ALICE, BOB = "alice@example.org", "bob@example.org"
DOCUMENTS = [{"a": [1, 2.5, "ü", None, True]}, [], "", 0, False, {"": {}}]


class Contact(msgspec.Struct):
    name: str
    groups: list[str] = []


def entry(when: float, peer: str = BOB, doc: Any = None) -> Entry:
    return Entry(when, peer, doc)


def times(page: list[tuple[str, Entry]]) -> list[float]:
    return [found.when for _, found in page]


# At a glance


def test_several_stores_are_read_at_a_glance(storage: Storage) -> None:
    vcards, rosters = storage.store("vcard", Record), storage.store("roster", Map, of=Contact)
    notes, archive, offline = (
        storage.store("notes", Map),
        storage.store("archive", Archive),
        storage.store("x", Archive),
    )
    vcards.put(ALICE, "v")
    rosters.change(ALICE, {"b": Contact("B"), "a": Contact("A")})
    archive.append(ALICE, entry(1.0))
    for when in (1.0, 2.0):
        offline.append(ALICE, Entry(when, BOB, None, waiting=True))
    vcards.put(BOB, "w")
    stores = [offline, vcards, rosters, archive, notes]
    assert storage.glance(ALICE, stores) == [True, "v", {"a": Contact("A"), "b": Contact("B")}, False, {}]
    assert list(storage.glance(ALICE, stores)[2]) == ["a", "b"]
    assert storage.glance(BOB, stores) == [False, "w", {}, False, {}]
    assert storage.glance(ALICE, stores[3:]) == [False, {}]


def test_a_glance_tells_stores_of_one_name_apart(storage: Storage) -> None:
    one, many = storage.store("x", Record), storage.store("x", Map)
    many.change(ALICE, {"": 1})
    assert storage.glance(ALICE, [one, many]) == [None, {"": 1}]


# Record


@pytest.mark.parametrize("doc", DOCUMENTS)
def test_a_record_comes_back_as_it_was_stored(storage: Storage, doc: Any) -> None:
    vcards = storage.store("vcard", Record)
    vcards.put(ALICE, doc)
    assert vcards.get(ALICE) == doc
    assert vcards.get(BOB) is None


def test_a_record_is_replaced_and_deleted(storage: Storage) -> None:
    vcards = storage.store("vcard", Record)
    vcards.put(ALICE, 1)
    vcards.put(ALICE, 2)
    assert vcards.get(ALICE) == 2
    vcards.delete(ALICE)
    vcards.delete(ALICE)
    assert vcards.get(ALICE) is None


def test_storing_none_deletes_a_record(storage: Storage) -> None:
    vcards = storage.store("vcard", Record)
    vcards.put(ALICE, 1)
    vcards.put(ALICE, None)
    assert list(vcards.owners()) == []


def test_changing_a_document_after_it_was_stored_changes_nothing_in_the_store(storage: Storage) -> None:
    vcards = storage.store("vcard", Record)
    doc = {"n": [1]}
    vcards.put(ALICE, doc)
    doc["n"].append(2)
    vcards.get(ALICE)["n"].append(3)
    assert vcards.get(ALICE) == {"n": [1]}


def test_records_of_a_type_are_given_and_taken_as_that_type(storage: Storage) -> None:
    contacts = storage.store("contact", Record, of=Contact)
    contacts.put(ALICE, Contact("Alice", ["friends"]))
    assert contacts.get(ALICE) == Contact("Alice", ["friends"])


def test_a_record_of_another_type_is_an_error_that_names_store_and_owner(storage: Storage) -> None:
    storage.store("contact", Record).put(ALICE, {"name": 7})
    with pytest.raises(StorageError, match=f"store 'contact', owner '{ALICE}': corrupt document"):
        storage.store("contact", Record, of=Contact).get(ALICE)


@pytest.mark.parametrize("doc", [object(), "\ud800", {1j: 2}])
def test_what_is_not_a_document_is_refused_and_leaves_the_old_one(storage: Storage, doc: Any) -> None:
    vcards = storage.store("vcard", Record)
    vcards.put(ALICE, 1)
    with pytest.raises(StorageError, match="not a document"):
        vcards.put(ALICE, doc)
    assert vcards.get(ALICE) == 1


def test_a_document_nested_without_end_is_refused(storage: Storage) -> None:
    doc: list[Any] = []
    doc.append(doc)
    with pytest.raises(StorageError, match="not a document"):
        storage.store("vcard", Record).put(ALICE, doc)


def test_owners_of_records_are_sorted_and_filtered_by_their_ending(storage: Storage) -> None:
    accounts = storage.store("account", Record)
    for owner in ("zoë@a.example", "b@a.example", "B@A.EXAMPLE", "a_a.example", "%@a.example", "c@b.example", "é"):
        accounts.put(owner, 1)
    assert list(accounts.owners(suffix="@a.example")) == ["%@a.example", "b@a.example", "zoë@a.example"]
    assert list(accounts.owners(suffix="é")) == ["é"]
    assert list(accounts.owners()) == sorted(accounts.owners())
    assert len(list(accounts.owners())) == 7
    assert [accounts.count_owners(suffix=suffix) for suffix in ("@a.example", "é", "", "nobody")] == [3, 1, 7, 0]


def test_more_owners_than_are_read_at_a_time_are_all_listed(storage: Storage) -> None:
    accounts = storage.store("account", Map)
    owners = [f"user{number:04}" for number in range(1001)]
    for owner in owners:
        accounts.put(owner, "a", 1)
    assert list(accounts.owners()) == owners


def test_stores_of_different_name_or_shape_share_nothing(storage: Storage) -> None:
    storage.store("one", Record).put(ALICE, 1)
    assert storage.store("two", Record).get(ALICE) is None
    assert storage.store("one", Map).items(ALICE) == {}
    assert storage.store("one", Record).get(ALICE) == 1


# Map


def test_items_come_back_by_key_and_in_order_of_keys(storage: Storage) -> None:
    roster = storage.store("roster", Map)
    roster.put(ALICE, "z", 1)
    roster.put(ALICE, "a", {"x": 2})
    roster.put(BOB, "a", 3)
    assert roster.get(ALICE, "a") == {"x": 2}
    assert roster.get(ALICE, "b") is None
    assert list(roster.items(ALICE).items()) == [("a", {"x": 2}), ("z", 1)]


def test_several_items_change_at_once(storage: Storage) -> None:
    roster = storage.store("roster", Map, of=Contact)
    roster.change(ALICE, {"a": Contact("A"), "b": Contact("B")})
    roster.change(ALICE, {"a": None, "b": Contact("B2"), "c": Contact("C"), "d": None})
    assert roster.items(ALICE) == {"b": Contact("B2"), "c": Contact("C")}


def test_no_change_is_no_change(storage: Storage) -> None:
    roster = storage.store("roster", Map)
    roster.change(ALICE, {})
    assert roster.items(ALICE) == {}


def test_a_change_that_cannot_be_stored_changes_nothing(storage: Storage) -> None:
    roster = storage.store("roster", Map)
    roster.put(ALICE, "a", 1)
    with pytest.raises(StorageError):
        roster.change(ALICE, {"a": None, "b": object()})
    assert roster.items(ALICE) == {"a": 1}


def test_an_owner_whose_last_item_is_deleted_is_no_longer_listed(storage: Storage) -> None:
    roster = storage.store("roster", Map)
    roster.change(ALICE, {"a": 1, "b": 2})
    roster.put(BOB, "a", 1)
    roster.delete(BOB, "a")
    roster.delete(BOB, "a")
    assert list(roster.owners()) == [ALICE]


# Archive


def test_an_entry_comes_back_as_it_was_appended(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    appended = Entry(1700000000.123456, "böb@example.org", {"xml": "<message/>"})
    id = archive.append(ALICE, appended)
    assert archive.page(ALICE, limit=10) == [(id, appended)]
    assert archive.page(BOB, limit=10) == []


def test_entries_are_in_order_of_time_then_of_appending(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    ids = [archive.append(ALICE, entry(5, doc=number)) for number in range(20)]
    first = archive.append(ALICE, entry(4))
    assert [id for id, _ in archive.page(ALICE, limit=100)] == [first, *ids]
    assert len({first, *ids}) == 21


def test_pages_follow_one_another_in_both_directions(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    for when in range(7):
        archive.append(ALICE, entry(when))
    forwards = archive.page(ALICE, limit=3)
    assert times(forwards) == [0, 1, 2]
    assert times(archive.page(ALICE, limit=3, after=forwards[-1][0])) == [3, 4, 5]
    last = archive.page(ALICE, limit=3, backwards=True)
    assert times(last) == [4, 5, 6]
    assert times(archive.page(ALICE, limit=3, backwards=True, before=last[0][0])) == [1, 2, 3]
    assert times(archive.page(ALICE, limit=9, after=forwards[0][0], before=last[0][0])) == [1, 2, 3]


def test_a_page_may_start_after_an_id_that_is_gone(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    ids = [archive.append(ALICE, entry(when)) for when in range(3)]
    archive.delete(ALICE, [ids[1]])
    assert times(archive.page(ALICE, limit=9, after=ids[1])) == [2]
    assert times(archive.page(ALICE, limit=9, before=ids[1])) == [0]


@pytest.mark.parametrize("bound", ["", "zzz", "é", "'; drop table entry --", "\x7f" * 5000])
def test_an_id_that_never_was_is_only_a_place_in_the_order(storage: Storage, bound: str) -> None:
    archive = storage.store("archive", Archive)
    archive.append(ALICE, entry(1))
    assert times(archive.page(ALICE, limit=9, after=bound)) == ([1] if bound < "0" else [])
    assert times(archive.page(ALICE, limit=9, before=bound)) == ([1] if bound > "0" else [])


def test_start_and_end_are_inclusive(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    for when in (1.0, 2.000001, 2.000002, 3.0):
        archive.append(ALICE, entry(when))
    assert times(archive.page(ALICE, limit=9, start=2.000001, end=3.0)) == [2.000001, 2.000002, 3.0]
    assert times(archive.page(ALICE, limit=9, start=1.0, end=2.000001)) == [1.0, 2.000001]
    assert times(archive.page(ALICE, limit=9, start=-62135596800.0, end=1e300)) == [1.0, 2.000001, 2.000002, 3.0]
    assert archive.page(ALICE, limit=9, start=3.0, end=1.0) == []
    assert archive.page(ALICE, limit=9, end=-1.0) == []


def test_a_page_may_be_of_one_peer_or_of_given_ids(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    ids = [archive.append(ALICE, entry(when, "odd" if when % 2 else "even")) for when in range(6)]
    assert times(archive.page(ALICE, limit=2, peer="odd")) == [1, 3]
    assert times(archive.page(ALICE, limit=2, peer="odd", backwards=True)) == [3, 5]
    assert times(archive.page(ALICE, limit=9, ids=[ids[4], "no such id", ids[1]])) == [1, 4]
    assert times(archive.page(ALICE, limit=9, ids=ids, peer="even", after=ids[0])) == [2, 4]
    assert archive.page(ALICE, limit=9, ids=[]) == []
    assert archive.page(BOB, limit=9, ids=ids) == []


@pytest.mark.parametrize("limit", [0, -1])
def test_a_page_of_nothing_is_empty(storage: Storage, limit: int) -> None:
    archive = storage.store("archive", Archive)
    archive.append(ALICE, entry(1))
    assert archive.page(ALICE, limit=limit) == []
    assert archive.trim(ALICE, before=9, limit=limit) == 0


@pytest.mark.parametrize("when", [-1.0, 253402300800.0, float("nan"), float("inf")])
def test_a_time_outside_the_calendar_is_refused(storage: Storage, when: float) -> None:
    with pytest.raises(ValueError, match="no time"):
        storage.store("archive", Archive).append(ALICE, entry(when))


def test_entries_are_deleted_by_owner(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    ids = [archive.append(ALICE, entry(when)) for when in range(3)]
    archive.append(BOB, entry(1))
    archive.delete(BOB, ids)
    archive.delete(ALICE, [])
    assert len(archive.page(ALICE, limit=9)) == 3
    archive.delete(ALICE, [ids[0], ids[2], "no such id"])
    assert times(archive.page(ALICE, limit=9)) == [1]
    assert len(archive.page(BOB, limit=9)) == 1


def test_an_archive_knows_how_much_an_owner_has(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    assert archive.extent(ALICE) is None
    ids = [archive.append(ALICE, entry(when, doc="x" * when)) for when in (8, 1000, 2000)]
    archive.append(BOB, entry(1, doc="ü"))
    assert archive.extent(ALICE) == Extent(3, 3014, ids[0], 8.0, ids[2], 2000.0)
    archive.trim(ALICE, before=9, limit=9)
    assert archive.extent(ALICE) == Extent(2, 3004, ids[1], 1000.0, ids[2], 2000.0)
    found = archive.extent(BOB)
    assert found is not None
    assert (found.entries, found.bytes) == (1, 4)


def test_how_much_there_is_stays_right_after_a_limit_and_after_a_failure(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    archive.append(ALICE, entry(1))
    for _ in range(3):
        assert archive.append_within(ALICE, entry(1), 1) is None
    with pytest.raises(StorageError):
        archive.append(ALICE, entry(1, doc=object()))
    archive.append(ALICE, entry(1))
    found = archive.extent(ALICE)
    assert found is not None
    assert (found.entries, found.bytes) == (2, 8)


def test_owners_of_entries_are_listed_in_order(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    for owner in ("zoë", "b", "a", "b"):
        archive.append(owner, entry(1))
    storage.store("other", Archive).append("c", entry(1))
    assert list(archive.owners()) == ["a", "b", "zoë"]


def test_the_oldest_entries_are_trimmed_first_and_others_owners_keep_theirs(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    for when in (1, 3, 5, 7):
        archive.append(ALICE, entry(when))
        archive.append(BOB, entry(when))
    storage.store("other", Archive).append(ALICE, entry(1))
    assert archive.trim(ALICE, before=5, limit=1) == 1
    assert times(archive.page(ALICE, limit=9)) == [3, 5, 7]
    assert archive.trim(ALICE, before=5, limit=9) == 1
    assert archive.trim(ALICE, before=5, limit=9) == 0
    assert times(archive.page(ALICE, limit=9)) == [5, 7]
    assert len(archive.page(BOB, limit=9)) == 4
    assert storage.store("other", Archive).extent(ALICE) is not None


def test_only_the_newest_entries_and_bytes_are_kept(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    for when in range(10):
        archive.append(ALICE, entry(when, doc="x" * 8))  # ten bytes with the quotes
    assert archive.trim(ALICE, entries=10, bytes=100, limit=9) == 0
    assert archive.trim(ALICE, entries=8, limit=9) == 2
    assert archive.trim(ALICE, bytes=50, limit=2) == 2
    assert archive.trim(ALICE, bytes=50, limit=9) == 1
    assert archive.trim(ALICE, bytes=49, limit=9) == 0
    assert times(archive.page(ALICE, limit=99)) == [5, 6, 7, 8, 9]
    assert archive.trim(ALICE, entries=0, limit=99) == 5
    assert archive.extent(ALICE) is None
    archive.append(ALICE, entry(11))
    assert archive.trim(ALICE, entries=1, bytes=4, limit=9) == 0


def test_a_page_may_be_of_one_part_of_a_peer(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    for when, part in enumerate(("phone", "", "desk", "phone")):
        archive.append(ALICE, Entry(when, BOB, None, part))
    archive.append(ALICE, Entry(9, ALICE, None, "phone"))
    assert times(archive.page(ALICE, peer=BOB, part="phone", limit=9)) == [0, 3]
    assert times(archive.page(ALICE, peer=BOB, part="phone", limit=1, backwards=True)) == [3]
    assert times(archive.page(ALICE, peer=BOB, part="", limit=9)) == [0, 1, 2, 3]
    assert archive.page(ALICE, peer=BOB, limit=1)[0][1] == Entry(0.0, BOB, None, "phone")


def test_entries_wait_until_they_do_not(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    ids = [archive.append(ALICE, Entry(when, BOB, None, waiting=when % 2 == 0)) for when in range(6)]
    archive.append(BOB, Entry(0, ALICE, None, waiting=True))
    assert times(archive.page(ALICE, waiting=True, limit=9)) == [0, 2, 4]
    archive.wait(ALICE, [ids[0], ids[2], "no such id"], False)
    archive.wait(ALICE, [ids[5]], True)
    archive.wait(ALICE, [], True)
    assert times(archive.page(ALICE, waiting=True, limit=9)) == [4, 5]
    assert [found.waiting for _, found in archive.page(ALICE, limit=9)] == [False] * 4 + [True] * 2
    assert len(archive.page(BOB, waiting=True, limit=9)) == 1


def test_another_document_takes_the_place_of_one_and_waits_for_nobody(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    ids = [archive.append(ALICE, Entry(when, BOB, "x", "phone", waiting=True)) for when in range(2)]
    archive.replace(ALICE, ids[0], {"gone": True})
    archive.replace(BOB, ids[1], {"gone": True})
    assert archive.page(ALICE, limit=9) == [
        (ids[0], Entry(0.0, BOB, {"gone": True}, "phone")),
        (ids[1], Entry(1.0, BOB, "x", "phone", waiting=True)),
    ]
    assert archive.page(BOB, limit=9) == []


def test_an_archive_with_a_limit_takes_that_many(storage: Storage) -> None:
    offline = storage.store("offline", Archive)
    ids = [offline.append_within(ALICE, entry(when), 2) for when in range(4)]
    assert ids[2:] == [None, None]
    assert [id for id, _ in offline.page(ALICE, limit=9)] == ids[:2]
    assert offline.append_within(BOB, entry(1), 2) is not None
    assert offline.append_within(BOB, entry(1), 0) is None


def test_what_has_been_prepared_is_there_when_it_has_been_put_there(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    prepared = [archive.prepare(ALICE, entry(1, doc=number)) for number in range(5)]
    assert archive.page(ALICE, limit=9) == []
    archive.put(ALICE, prepared)
    assert [(id, each.doc) for id, each in archive.page(ALICE, limit=9)] == [
        (each.id, number) for number, each in enumerate(prepared)
    ]
    extent = archive.extent(ALICE)
    assert extent is not None
    assert extent.entries == 5


def test_what_is_put_there_twice_is_there_once(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    prepared = [archive.prepare(ALICE, entry(1)), archive.prepare(ALICE, entry(2))]
    archive.put(ALICE, prepared[:1])
    archive.put(ALICE, prepared)
    assert [id for id, _ in archive.page(ALICE, limit=9)] == [each.id for each in prepared]


def test_what_is_appended_while_others_are_on_their_way_counts_on(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    archive.append(ALICE, entry(1))
    prepared = archive.prepare(ALICE, entry(2))
    archive.put(ALICE, [prepared, archive.prepare(ALICE, entry(3))])
    archive.append(ALICE, entry(4))
    extent = archive.extent(ALICE)
    assert extent is not None
    assert extent.entries == 4


def test_entries_are_found_by_all_of_the_words_that_they_are_indexed_with(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    ids = [archive.append(ALICE, entry(when)) for when in range(4)]
    other = archive.append(BOB, entry(9))
    assert archive.indexed(ALICE) is None
    archive.index(
        ALICE,
        {
            ids[0]: Words(None, ["hello", "wörld"]),
            ids[1]: Words(None, ["hello"]),
            ids[2]: Words(None, []),
            other: Words(None, ["hello"]),
            "none": Words(None, ["hello"]),
        },
    )
    archive.index(BOB, {other: Words(None, ["hello", "wörld"])})
    archive.index(BOB, {})
    assert archive.indexed(ALICE) == ids[2]
    assert times(archive.page(ALICE, words=["hello"], limit=9)) == [0, 1]
    assert times(archive.page(ALICE, words=["wörld", "hello"], limit=9)) == [0]
    assert times(archive.page(ALICE, words=["hello"], limit=1, backwards=True)) == [1]
    assert times(archive.page(ALICE, words=["hello"], after=ids[0], peer=BOB, limit=9)) == [1]
    for nothing in (["hell"], ["world"], ["hello", "missing"], [], ["é" * 100], ["or"], ["not"]):
        assert archive.page(ALICE, words=nothing, limit=9) == []


def test_a_message_of_many_long_words_is_found_by_the_first_of_them(storage: Storage) -> None:
    """A stanza may hold more words than PostgreSQL takes: in one form each of these is six times as long."""
    archive = storage.store("archive", Archive)
    kilometres = "\u3316" * 17
    said = " ".join(f"{number}{kilometres}" for number in range(4_600))
    assert len(said.encode()) < 262_144
    archive.append(ALICE, entry(1, doc=f"<message><body>hello {said}</body></message>"))
    archive.append(ALICE, entry(2, doc="<message><body>hello</body></message>"))
    catch_up(archive, JID.parse(ALICE))
    assert times(archive.page(ALICE, words=["hello"], limit=9)) == [1, 2]


def test_what_has_been_replaced_or_has_gone_is_found_no_more(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    ids = [archive.append(ALICE, entry(when)) for when in range(4)]
    archive.index(ALICE, {id: Words(None, ["hello"]) for id in ids})
    archive.index(ALICE, {ids[3]: Words(None, ["another"])})
    archive.replace(ALICE, ids[3], "gone")
    archive.delete(ALICE, [ids[2]])
    archive.trim(ALICE, before=1, limit=9)
    assert times(archive.page(ALICE, words=["hello"], limit=9)) == [1]
    assert archive.page(ALICE, words=["another"], limit=9) == []
    storage.forget(ALICE)
    assert archive.indexed(ALICE) is None
    assert storage.check() == []


def test_what_is_replaced_before_its_words_come_is_not_found_by_them(storage: Storage) -> None:
    archive = storage.store("archive", Archive)
    docs = ['<message>\u2028\x7f/ü\U0001f600"\\\t</message>', {"a": [1, 2.5, None]}, "<message/>"]
    ids = [archive.append(ALICE, entry(when, doc=doc)) for when, doc in enumerate(docs)]
    read = archive.page(ALICE, limit=9)
    archive.replace(ALICE, ids[2], "gone")
    archive.index(ALICE, {id: Words(found.doc, ["hello"]) for id, found in read})
    assert times(archive.page(ALICE, words=["hello"], limit=9)) == [0, 1]
    assert archive.indexed(ALICE) == ids[1]


# Blobs


def test_blobs_come_back_byte_for_byte(storage: Storage) -> None:
    files = storage.store("files", Blobs)
    files.put("a", bytes(range(256)))
    files.put("b", b"")
    files.put("a", b"\0new")
    assert files.get("a") == b"\0new"
    assert files.get("b") == b""
    files.delete("a")
    files.delete("a")
    assert files.get("a") is None


# Storage


def test_a_forgotten_owner_is_gone_from_every_store_but_not_the_blobs(storage: Storage) -> None:
    vcards, roster = storage.store("vcard", Record), storage.store("roster", Map)
    archive, offline = storage.store("archive", Archive), storage.store("offline", Archive)
    files = storage.store("files", Blobs)
    for owner in (ALICE, BOB):
        vcards.put(owner, 1)
        roster.put(owner, "a", 1)
        archive.append(owner, entry(1))
        offline.append(owner, entry(1))
        files.put(owner, b"x")
    storage.forget(ALICE)
    assert vcards.get(ALICE) is None
    assert roster.items(ALICE) == {}
    assert archive.extent(ALICE) is offline.extent(ALICE) is None
    assert files.get(ALICE) == b"x"
    assert vcards.get(BOB) == 1
    assert roster.items(BOB) == {"a": 1}
    assert archive.extent(BOB) is not None
    assert offline.extent(BOB) is not None


def test_nothing_is_taken_or_given_after_closing(storage: Storage) -> None:
    vcards, roster = storage.store("vcard", Record), storage.store("roster", Map)
    archive, files = storage.store("archive", Archive), storage.store("files", Blobs)
    storage.close()
    storage.close()
    for call in (
        lambda: vcards.get(ALICE),
        lambda: list(vcards.owners()),
        lambda: roster.put(ALICE, "a", 1),
        lambda: archive.append(ALICE, entry(1)),
        lambda: archive.trim(ALICE, before=1, limit=1),
        lambda: list(archive.owners()),
        lambda: files.put("a", b""),
        lambda: storage.forget(ALICE),
        lambda: storage.store("new", Record),
    ):
        with pytest.raises(StorageClosed):
            call()
