import pytest
from hypothesis import given
from hypothesis import strategies as st

from net.xmpp.ledger import MODULUS, Incoming, Outgoing, TooHigh


def outgoing(sent: int = 0, acknowledged: int = 0) -> Outgoing[str]:
    books: Outgoing[str] = Outgoing(10, 100, acknowledged=acknowledged)
    for number in range(sent):
        books.send(f"stanza {number}", 5)
    books.written = books.sent
    return books


def whats(entries: object) -> list[str]:
    return [entry.what for entry in entries]  # type: ignore[attr-defined]


@given(st.permutations(range(1, 9)))
def test_handled_is_the_greatest_number_up_to_which_all_are(order: list[int]) -> None:
    books = Incoming()
    for _ in order:
        books.receive()
    done: set[int] = set()
    for number in order:
        books.handle(number)
        done.add(number)
        assert books.handled == next(n for n in range(9) if n + 1 not in done)
    assert books.settled


@given(st.lists(st.integers(1, 4), min_size=1, max_size=6), st.randoms())
def test_a_stanza_is_handled_when_all_of_its_parts_are(parts: list[int], chance: object) -> None:
    books = Incoming()
    left = []
    for count in parts:
        number = books.receive()
        for _ in range(count - 1):
            books.split(number)
        left += [number] * count
    chance.shuffle(left)  # type: ignore[attr-defined]
    while left:
        assert not books.settled
        books.handle(left.pop())
        assert books.handled == min(left, default=len(parts) + 1) - 1
    assert books.settled


def test_what_is_said_of_a_handled_stanza_changes_nothing() -> None:
    books = Incoming()
    books.receive()
    books.receive()
    for number in (2, 1):
        books.handle(number)
        books.handle(number)
        books.split(number)
    assert (books.handled, books.received) == (2, 2)


@given(st.lists(st.one_of(st.none(), st.integers(0, 30)), max_size=40), st.integers(0, 2 * MODULUS))
def test_every_stanza_is_acknowledged_once_and_in_order(steps: list[int | None], start: int) -> None:
    """None: one is sent; a number: the peer acknowledges as many more."""
    books: Outgoing[int] = Outgoing(1000, 1000, acknowledged=start)
    sent, gone = 0, 0
    for step in steps:
        if step is None:
            sent += 1
            assert books.send(sent, 1).number == start + sent
            books.written = books.sent
        elif step > sent - gone:
            with pytest.raises(TooHigh):
                books.acknowledge((start + gone + step) % MODULUS)
        else:
            assert whats(books.acknowledge((start + gone + step) % MODULUS)) == list(range(gone + 1, gone + step + 1))
            gone += step
        assert whats(books.queue) == list(range(gone + 1, sent + 1))
        assert books.size == len(books.queue)


def test_an_older_acknowledgement_changes_nothing() -> None:
    books = outgoing(sent=5)
    books.acknowledge(4)
    assert books.acknowledge(2) == []
    assert (books.acknowledged, whats(books.queue)) == (4, ["stanza 4"])


def test_after_the_last_number_comes_zero() -> None:
    books = outgoing(sent=3, acknowledged=MODULUS - 2)
    assert whats(books.acknowledge(MODULUS - 1)) == ["stanza 0"]
    assert whats(books.acknowledge(1)) == ["stanza 1", "stanza 2"]
    assert books.acknowledge(MODULUS - 1) == []


def test_more_than_was_sent_cannot_be_acknowledged() -> None:
    books = outgoing(sent=8)
    with pytest.raises(TooHigh, match="You acknowledged 10 stanzas, but I only sent you 8 so far") as caught:
        books.acknowledge(10)
    assert (caught.value.h, caught.value.sent) == (10, 8)
    assert len(books.queue) == 8
    with pytest.raises(TooHigh):
        books.check(MODULUS - 1)


def test_what_waits_and_has_not_been_written_cannot_be_acknowledged() -> None:
    books = outgoing(sent=2)
    books.send("not written", 1)
    with pytest.raises(TooHigh, match="I only sent you 2 so far"):
        books.acknowledge(3)
    books.written = books.sent
    assert len(books.acknowledge(3)) == 3


def test_whoever_may_have_sent_more_than_is_known_believes_its_peer() -> None:
    books = outgoing(sent=2)
    books.forgive()
    books.send("not sent yet", 1)
    assert books.believe(5) == 3
    assert whats(books.acknowledge(5)) == ["stanza 0", "stanza 1"]
    assert [(entry.number, entry.what) for entry in books.queue] == [(6, "not sent yet")]
    assert books.send("next", 1).number == 7
    with pytest.raises(TooHigh):
        books.acknowledge(8)


@pytest.mark.parametrize("h", [0, 1, 2])
def test_a_peer_that_was_sent_no_more_than_is_known_moves_nothing(h: int) -> None:
    books = outgoing(sent=2)
    books.forgive()
    books.send("not sent yet", 1)
    assert books.believe(h) == 0
    assert len(books.acknowledge(h)) == h
    assert books.queue[-1].number == 3


def test_one_stanza_is_never_too_much() -> None:
    books: Outgoing[str] = Outgoing(2, 100)
    books.send("a long one", 1000)
    assert not books.full
    books.send("another", 1)
    assert books.full


def test_the_queue_is_full_beyond_its_count_or_its_bytes() -> None:
    by_count: Outgoing[str] = Outgoing(2, 100)
    by_bytes: Outgoing[str] = Outgoing(100, 2)
    for books in (by_count, by_bytes):
        books.send("one", 1)
        books.send("two", 1)
        assert not books.full
        books.send("three", 1)
        assert books.full
        books.written = books.sent
        books.acknowledge(1)
        assert not books.full
