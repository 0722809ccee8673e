from typing import Any

from actors.receipts import Receipt
from actors.xeps.stream_management.saved import NUMBERS, ORIGINS, Seen
from net.xmpp.stanza import Stanza


def receipt(number: int, origin: str = "o", saved: int = 0) -> Receipt:
    session: Any = None
    return Receipt(session, origin, number, saved)


def message(id: str | None = "m", body: bytes = b"<body>hi</body>") -> Stanza:
    return Stanza("message", id=id, body=body)


def test_the_same_stanza_with_the_same_receipt_has_been_seen() -> None:
    seen = Seen()
    assert seen.note(receipt(1), message())
    assert not seen.note(receipt(1), message())


def test_another_stanza_under_the_same_number_has_not() -> None:
    seen = Seen()
    assert seen.note(receipt(1), message("m"))
    assert seen.note(receipt(1), message("n"))
    assert seen.note(receipt(1), Stanza("iq", id="m"))
    assert seen.note(receipt(1), message("m", b"<body>by somebody else, with the same id</body>"))
    assert seen.note(receipt(1, "p"), message("m"))
    assert seen.note(receipt(2), message("m"))


def test_without_an_id_the_content_tells_them_apart() -> None:
    seen = Seen()
    assert seen.note(receipt(1), message(None))
    assert not seen.note(receipt(1), message(None))
    assert seen.note(receipt(1), message(None, b"<body>ho</body>"))


def test_what_has_been_stored_is_recalled() -> None:
    seen = Seen()
    seen.recall("o", 1, message())
    assert not seen.note(receipt(1), message())


def test_what_cannot_come_again_is_forgotten() -> None:
    seen = Seen()
    for number in range(1, 10):
        seen.note(receipt(number, saved=number - 3), message())
    assert [*seen.marks["o"]] == [7, 8, 9]


def test_it_remembers_no_more_than_it_has_to() -> None:
    seen = Seen()
    for number in range(NUMBERS + 10):
        seen.note(receipt(number), message())
    assert [*seen.marks["o"]] == [*range(10, NUMBERS + 10)]
    for number in range(ORIGINS):
        seen.note(receipt(1, f"o{number}"), message())
    assert [*seen.marks] == [f"o{number}" for number in range(ORIGINS)]


def test_a_long_id_takes_no_more_room_than_a_short_one() -> None:
    seen = Seen()
    seen.note(receipt(1), message("m" * 100_000))
    assert len(str(seen.marks)) < 100
    assert not seen.note(receipt(1), message("m" * 100_000))
