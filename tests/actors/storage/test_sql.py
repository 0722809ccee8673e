"""What both databases have in common."""

from actors.storage import Archive, Entry, Storage, statements
from actors.storage.sql import SqlStorage
from actors.storage.writer import Job, Step


def made(storage: Storage) -> int:
    """How many statements have been given a text, in all lanes."""
    assert isinstance(storage, SqlStorage)
    for writer in storage._writers:
        writer.run(Job((Step(statements.NOTHING, {}),)))  # behind all that it has to do
    return sum(len(writer._connection.engine._compiled_cache or ()) for writer in storage._writers)


def test_who_asks_for_a_page_first_does_not_wait_longer_than_others(database: Storage) -> None:
    archive = database.store("archive", Archive)
    archive.append("juliet@localhost", Entry(1.0, "romeo@localhost", "doc"))
    database.rehearse()
    before = made(database)
    for backwards in (False, True):
        for peer in ({}, {"peer": "romeo@localhost"}):
            [(_, entry)] = archive.page("juliet@localhost", limit=50, backwards=backwards, **peer)
            assert entry.doc == "doc"
    assert archive.extent("juliet@localhost") is not None
    assert made(database) == before
