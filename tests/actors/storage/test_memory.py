"""The simple backend is the model of the others: whatever is done, both answer alike."""

from collections.abc import Iterator
from contextlib import closing
from itertools import count
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from actors.storage import Archive, Entry, Map, Storage, ends, open_storage

runs = count()
moments = st.integers(0, 9).map(float)
steps = st.integers(0, 2)  # of a clock that never runs backwards, as an archive asks for
peers = st.sampled_from(["a", "b"])
parts = st.sampled_from(["", "x", "y"])
bounds = st.none() | st.integers(0, 9)
pages = st.fixed_dictionaries(
    {"limit": st.integers(0, 5), "backwards": st.booleans(), "after": bounds, "before": bounds},
    optional={
        "start": moments,
        "end": moments,
        "peer": peers,
        "part": parts,
        "ids": st.lists(st.integers(0, 9)),
        "waiting": st.booleans(),
    },
).filter(lambda wanted: "peer" in wanted or "part" not in wanted)
archive_calls = st.one_of(
    st.tuples(st.just("append"), steps, peers, parts),
    st.tuples(st.just("append_within"), steps, peers, st.integers(0, 5)),
    st.tuples(st.just("delete"), st.lists(st.integers(0, 9))),
    st.tuples(
        st.just("trim"),
        st.fixed_dictionaries(
            {"limit": st.integers(0, 3)},
            optional={"before": moments, "entries": st.integers(0, 5), "bytes": st.integers(0, 9)},
        ),
    ),
    st.tuples(st.just("wait"), st.lists(st.integers(0, 9)), st.booleans()),
    st.tuples(st.just("replace"), st.integers(0, 9)),
    st.tuples(st.just("page"), pages),
)
changes = st.dictionaries(st.sampled_from("abé"), st.none() | st.integers(), max_size=3)


@pytest.fixture(scope="module", params=["sqlite", "postgres"])
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[list[Storage]]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path_factory.mktemp('storage')}/data"
    else:
        url = request.getfixturevalue("postgres_server").empty("model")
    with closing(open_storage("memory:")) as memory, closing(open_storage(url)) as other:
        yield [memory, other]


@pytest.fixture(scope="module", params=[2, 64], ids=["some are listed", "none is listed"])
def _listed(request: pytest.FixtureRequest) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ends, "LISTED_AT_ONCE", request.param)
        yield


def play(archive: Archive, calls: list[tuple[Any, ...]]) -> Iterator[Any]:
    """What the archive answers, with each id as the number of the call that made it."""
    made: list[str] = []
    now = 0

    def known(number: int | None) -> str | None:
        return None if number is None else made[number] if number < len(made) else "zzz"

    for what, *details in calls:
        if what == "append":
            now += details[0]
            made.append(archive.append("alice", Entry(now, details[1], len(made), details[2])))
        elif what == "append_within":
            now += details[0]
            added = archive.append_within("alice", Entry(now, details[1], len(made)), details[2])
            made += [added] if added else []
            yield bool(added)
        elif what == "delete":
            archive.delete("alice", [id for number in details[0] if (id := known(number))])
        elif what == "trim":
            yield archive.trim("alice", **details[0])
        elif what == "wait":
            archive.wait("alice", [id for number in details[0] if (id := known(number))], details[1])
        elif what == "replace":
            archive.replace("alice", str(known(details[0])), "another")
        else:
            wanted = details[0] | {"after": known(details[0]["after"]), "before": known(details[0]["before"])}
            if "ids" in wanted:
                wanted["ids"] = [known(number) for number in wanted["ids"]]
            yield [(made.index(id), entry) for id, entry in archive.page("alice", **wanted)]
    extent = archive.extent("alice")
    yield extent and (extent.entries, extent.bytes, made.index(extent.first), made.index(extent.last))


@pytest.mark.usefixtures("_listed")
@settings(max_examples=60, deadline=None)
@given(st.lists(archive_calls, max_size=15))
def test_an_archive_answers_alike_over_both_backends(both: list[Storage], calls: list[tuple[Any, ...]]) -> None:
    name = f"archive {next(runs)}"
    memory, other = (list(play(storage.store(name, Archive), calls)) for storage in both)
    assert memory == other


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(["alice", "bob"]), changes), max_size=8))
def test_a_map_answers_alike_over_both_backends(
    both: list[Storage], calls: list[tuple[str, dict[str, int | None]]]
) -> None:
    name = f"map {next(runs)}"
    memory, other = (storage.store(name, Map) for storage in both)
    for owner, change in calls:
        memory.change(owner, change)
        other.change(owner, change)
        assert list(memory.items(owner).items()) == list(other.items(owner).items())
    assert list(memory.owners()) == list(other.owners())
