"""The four shapes state can sleep in, and the storage that opens them.

A feature asks for `storage.store("vcard", Record)` and uses the shape; it never learns which backend is behind it. A
backend subclasses the four shapes and `Storage`. Any method may raise StorageError, and StorageClosed once the storage
is closed. A call returns when what it wrote will survive the death of the process (if the backend lasts at all);
meanwhile other greenlets go on. Calls for one owner are carried out in the order they were made, so a read sees every
earlier write; a call for no owner sees every write that has returned.

The shapes are plain classes and not abstract ones, which type checkers refuse as a `type[...]` argument.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Generic, NamedTuple, Required, TypedDict, TypeVar, Unpack, overload

import msgspec

from actors.storage.codec import Codec

D = TypeVar("D")
T = TypeVar("T")

Document = Any
"""What msgspec can encode as JSON. None is nothing: to store it is to delete."""


class Entry(msgspec.Struct, frozen=True):
    """One thing in an archive: when it happened (UTC seconds, to the microsecond), with whom, and what it was.

    `part`: which part of the peer it was, "" for the whole. `waiting`: somebody has yet to be given it. `receipt`: by
    what it is known if it comes again, "" for what does not.
    """

    when: float
    peer: str
    doc: Document
    part: str = ""
    waiting: bool = False
    receipt: str = ""


class Extent(msgspec.Struct, frozen=True):
    """How much one owner has in an archive: entries, bytes of documents, ids and times of the oldest and the newest."""

    entries: int
    bytes: int
    first: str
    since: float
    last: str
    until: float


class Page(TypedDict, total=False):
    """What `Archive.page` is asked for. Every line but the last two narrows the choice; None is as good as absent."""

    after: str | None
    """Only what follows this id, which need not exist (XEP-0059)."""
    before: str | None
    """Only what precedes this id, which need not exist (XEP-0059)."""
    start: float | None
    """Nothing earlier than this (UTC seconds, XEP-0313 section 4.1.2)."""
    end: float | None
    """Nothing later than this (UTC seconds)."""
    peer: str | None
    """Only entries with exactly this peer."""
    part: str | None
    """Only entries with exactly this part of the peer. Not without `peer`."""
    ids: Collection[str] | None
    """Only entries with one of these ids."""
    waiting: bool
    """Only entries that wait for somebody."""
    words: Collection[str] | None
    """Only entries that have been `index`ed with all of these words; none of them finds nothing."""
    limit: Required[int]
    """The greatest number of entries."""
    backwards: bool
    """Of more than `limit` entries, the last and not the first."""


class Record(Generic[D]):
    """One document per owner."""

    def get(self, owner: str) -> D | None:
        """The owner's document, or None."""
        raise NotImplementedError

    def put(self, owner: str, doc: D | None) -> None:
        """Store the document in place of any earlier one."""
        raise NotImplementedError

    def delete(self, owner: str) -> None:
        """Delete the document, if there is one."""
        self.put(owner, None)

    def owners(self, *, suffix: str = "") -> Iterator[str]:
        """The owners with a document that end in `suffix`, in order of code points, read as the caller goes along."""
        raise NotImplementedError

    def count_owners(self, *, suffix: str = "") -> int:
        """How many `owners` would give."""
        raise NotImplementedError


class Map(Generic[D]):
    """Many documents per owner, each under a key."""

    def get(self, owner: str, key: str) -> D | None:
        """The document under that key, or None."""
        raise NotImplementedError

    def items(self, owner: str) -> dict[str, D]:
        """All of the owner's documents by key, in order of keys."""
        raise NotImplementedError

    def put(self, owner: str, key: str, doc: D | None) -> None:
        """Store the document in place of any earlier one under that key."""
        self.change(owner, {key: doc})

    def delete(self, owner: str, key: str) -> None:
        """Delete the document under that key, if there is one."""
        self.change(owner, {key: None})

    def change(self, owner: str, changes: Mapping[str, D | None]) -> None:
        """Store several documents and delete those given as None: all of it or, on an error, nothing."""
        raise NotImplementedError

    def owners(self, *, suffix: str = "") -> Iterator[str]:
        """The owners with an item that end in `suffix`, in order of code points, read as the caller goes along."""
        raise NotImplementedError


class Prepared(msgspec.Struct, frozen=True, gc=False):
    """An entry on its way into an archive: its id, and what the backend has made of it: text, numbers and the like, so
    that the garbage collector need not look there.
    """

    id: str
    row: Any


class Words(NamedTuple):
    """What an entry is to be found by, while it has the document that these are the words of."""

    doc: Document
    words: Collection[str]


class Archive:
    """Entries in the order of their time, under ids that sort the same way.

    Feed it a clock that never runs backwards: whoever asks for what came `after` the last id they know
    (XEP-0313 section 4.3, XEP-0059) misses an entry that was put in before it.
    """

    def append(self, owner: str, entry: Entry) -> str:
        """Add an entry and return its new id. ValueError if its time is not within the years 1970 to 9999."""
        prepared = self.prepare(owner, entry)
        self.put(owner, [prepared])
        return prepared.id

    def prepare(self, owner: str, entry: Entry) -> Prepared:
        """What is to be `put` there, soon and once; its id is known from now on. Raises ValueError as `append` does."""
        raise NotImplementedError

    def put(self, owner: str, prepared: Sequence[Prepared]) -> None:
        """Add the owner's entries that have been prepared: all of them or, on an error, none.

        Those that are there already, since nobody has heard that they were stored, stay as they are.
        """
        raise NotImplementedError

    def put_soon(self, owner: str, prepared: Sequence[Prepared], then: Callable[[Exception | None], None]) -> None:
        """`put`, but the caller need not wait for it. `then` is called when it is done, in a greenlet that must not
        wait either, with what `put` would have raised.
        """
        try:
            self.put(owner, prepared)
        except Exception as fault:
            then(fault)
        else:
            then(None)

    def append_within(self, owner: str, entry: Entry, at_most: int) -> str | None:
        """Add an entry and return its id, or None (and add nothing) if the owner already has `at_most` of them."""
        raise NotImplementedError

    def page(self, owner: str, **wanted: Unpack[Page]) -> list[tuple[str, Entry]]:
        """Some entries with their ids, in order whichever way they were looked for."""
        raise NotImplementedError

    def extent(self, owner: str) -> Extent | None:
        """How much the owner has, None for nothing. It costs the same however much that is.

        What has been deleted between the oldest and the newest entry still counts, and what was replaced as it was.
        """
        raise NotImplementedError

    def owners(self) -> Iterator[str]:
        """The owners with an entry, in order of code points, read one by one as the caller goes along."""
        raise NotImplementedError

    def wait(self, owner: str, ids: Collection[str], waiting: bool) -> None:
        """Note of the owner's entries that have these ids whether they wait for somebody."""
        raise NotImplementedError

    def replace(self, owner: str, id: str, doc: Document) -> None:
        """Put another document in place of the one of that entry, if there is one, which then waits for nobody."""
        raise NotImplementedError

    def index(self, owner: str, words: Mapping[str, Words]) -> None:
        """Have entries found by words, given by their ids.

        A word is made of letters and digits in lower case, 100 at most; those of one entry have 250,000 bytes at most,
        encoded as UTF-8. Of entries that have been indexed before, have another document by now, or are not there,
        nothing changes. What is replaced is found no more.
        """
        raise NotImplementedError

    def indexed(self, owner: str) -> str | None:
        """The last id of the owner's that has been indexed; None while none has."""
        raise NotImplementedError

    def delete(self, owner: str, ids: Collection[str]) -> None:
        """Delete the owner's entries that have these ids."""
        raise NotImplementedError

    def trim(
        self, owner: str, *, before: float = 0, entries: int | None = None, bytes: int | None = None, limit: int
    ) -> int:
        """Delete the owner's oldest entries, `limit` at most; return how many.

        Those from before that UTC time, and those too old to be among the newest so many `entries`, or to have a part
        in the newest so many `bytes`. What has been deleted from their midst counts as in `extent`.
        """
        raise NotImplementedError


class Blobs:
    """Bytes by key. They have no owner, so `Storage.forget` leaves them to the feature that put them there."""

    def get(self, key: str) -> bytes | None:
        """The bytes under that key, or None."""
        raise NotImplementedError

    def put(self, key: str, data: bytes) -> None:
        """Store bytes in place of any earlier ones under that key."""
        raise NotImplementedError

    def delete(self, key: str) -> None:
        """Delete the bytes under that key, if there are any."""
        raise NotImplementedError


class Storage:
    """Opens stores by name and shape. Stores of equal name and different shape have nothing to do with each other."""

    @overload
    def store(self, name: str, shape: type[Record[Any]]) -> Record[Document]: ...
    @overload
    def store(self, name: str, shape: type[Record[Any]], *, of: type[T]) -> Record[T]: ...
    @overload
    def store(self, name: str, shape: type[Map[Any]]) -> Map[Document]: ...
    @overload
    def store(self, name: str, shape: type[Map[Any]], *, of: type[T]) -> Map[T]: ...
    @overload
    def store(self, name: str, shape: type[Archive]) -> Archive: ...
    @overload
    def store(self, name: str, shape: type[Blobs]) -> Blobs: ...

    def store(self, name: str, shape: type[Any], *, of: type[Any] | None = None) -> Any:
        """The store of that name, empty if new. `of` is a msgspec.Struct: the store then takes and gives that type."""
        return self._open(name, shape, Codec(name, of))

    def glance(self, owner: str, stores: Sequence[Record[Any] | Map[Any] | Archive]) -> list[Any]:
        """What each of these stores has of one owner, read at once: that takes little longer than reading one.

        Of a Record what `get` returns, of a Map `items`, of an Archive whether any of its entries is waiting.
        """
        raise NotImplementedError

    def _open(self, name: str, shape: type[Any], codec: Codec[Any]) -> Any:
        """The backend's own kind of that shape."""
        raise NotImplementedError

    def rehearse(self) -> None:
        """Go through what clients will ask for, if a first time takes longer than others. Does not wait for that."""

    def forget(self, owner: str) -> None:
        """Delete everything of that owner from every store, at once: the account is gone."""
        raise NotImplementedError

    def check(self) -> list[str]:
        """Read everything, and list what is broken, a line each; not all of it if that is much. Others go on."""
        raise NotImplementedError

    def vacuum(self) -> None:
        """Give the room of what was deleted back to the disk. In SQLite, all others wait until it is done."""
        raise NotImplementedError

    def backup(self, path: Path) -> None:
        """Write all there is at this moment to a file, which must not exist; others go on.

        The file is of the same form whatever the backend, and is there only when it is complete and on the disk.
        """
        raise NotImplementedError

    def restore(self, path: Path) -> None:
        """Put what is in the file of a backup, of this version or an earlier one, in place of all there is.

        All of it or, on an error, nothing. Stores stay open. Nobody else may be at work.
        """
        raise NotImplementedError

    def close(self, seconds: float | None = None) -> None:
        """Finish what was accepted, then close. Closing twice is harmless.

        What is not done after so many `seconds` is given up; the log says whose changes are lost.
        """
        raise NotImplementedError
