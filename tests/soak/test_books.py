"""What the books find, and what they do not hold against anybody."""

from typing import Any

import pytest

from tests.soak.books import GRACE, Books, Message

SENDER, RECIPIENT = "romeo", "juliet"
TO = "juliet@localhost"
FROM = "romeo@localhost/home"


class Case:
    """The books of one test, and the faults that they have found."""

    def __init__(self) -> None:
        self.faults: list[str] = []
        self.books = Books(self.faults.append)
        self.number = 0

    def send(self, at: float = 1.0, *, confirmed: float | None = None, **changed: Any) -> Message:
        self.number += 1
        fields = {"to": TO, "recipient": RECIPIENT, "digest": 7, **changed}
        message = Message(f"s1-{self.number}", SENDER, number=self.number, sent=at, **fields)
        self.books.send(message)
        if confirmed is not None:
            self.books.confirm(message, confirmed)
        return message

    def receive(
        self, message: Message, resource: str = "home", digest: int = 7, from_: str = FROM, at: float = 5.0
    ) -> None:
        self.books.receive(RECIPIENT, resource, message.id, from_, digest)

    def ends(self, fate: str) -> None:
        """One message had this fate, and nothing is wrong."""
        self.books.close()
        assert self.books.fates[fate] == 1, self.books.fates
        assert not self.faults

    def fails(self, *words: str) -> None:
        """One thing is wrong."""
        self.books.close()
        (fault,) = self.faults
        assert all(word in fault for word in words), fault


@pytest.fixture
def case() -> Case:
    return Case()


def test_what_is_received_is_received(case: Case) -> None:
    case.receive(case.send(confirmed=2))
    case.ends("received")


def test_what_is_confirmed_and_not_received_is_lost(case: Case) -> None:
    case.send(confirmed=2)
    case.fails("s1-1", "is lost")


def test_what_is_received_before_it_is_confirmed_is_received(case: Case) -> None:
    message = case.send()
    case.receive(message)
    case.books.confirm(message, 2)
    case.ends("received")


def test_two_of_a_message_are_one_too_many(case: Case) -> None:
    message = case.send(confirmed=2)
    case.receive(message)
    case.receive(message)
    case.fails("twice")


def test_two_resources_get_one_each(case: Case) -> None:
    message = case.send(confirmed=2)
    case.receive(message, "home")
    case.receive(message, "phone")
    case.ends("received")


def test_what_overtakes_another_is_a_fault(case: Case) -> None:
    first, second = case.send(confirmed=2), case.send(confirmed=2)
    case.receive(second)
    case.receive(first)
    case.fails("s1-1", "after number 2")


def test_what_is_sent_to_another_address_may_overtake(case: Case) -> None:
    """A full JID may be served while the bare JID's messages are kept for later."""
    first, second = case.send(confirmed=2), case.send(confirmed=2, to=f"{TO}/home")
    case.receive(second)
    case.receive(first)
    case.books.close()
    assert not case.faults


def test_what_is_received_by_somebody_else_is_a_fault(case: Case) -> None:
    message = case.send(confirmed=2)
    case.books.receive("nurse", "home", message.id, FROM, 7)
    case.receive(message)
    case.fails("nurse/home")


def test_what_nobody_has_sent_is_a_fault(case: Case) -> None:
    case.books.receive(RECIPIENT, "home", "s9-9", FROM, 7)
    case.fails("s9-9", "not sent there")


@pytest.mark.parametrize("changed", [{"digest": 8}, {"from_": "tybalt@localhost/home"}])
def test_what_arrives_changed_is_a_fault(case: Case, changed: Any) -> None:
    case.receive(case.send(confirmed=2), **changed)
    case.fails("changed")


def test_half_a_message_that_arrives_is_a_fault(case: Case) -> None:
    case.receive(case.send(whole=False))
    case.fails("one half")


def test_half_a_message_that_does_not_is_none(case: Case) -> None:
    case.send(whole=False)
    case.ends("never sent to its end")


def test_a_message_whose_sender_is_cut_off_is_in_doubt(case: Case) -> None:
    case.send()
    case.ends("in doubt: its sender's connection ended")


def test_a_message_under_way_to_a_connection_that_is_cut_is_in_doubt(case: Case) -> None:
    case.send(10, confirmed=11)
    case.books.cut(RECIPIENT, since=9).until = 12
    case.ends("in doubt: its recipient's connection was cut")


@pytest.mark.parametrize(("since", "until"), [(11.5, 12), (5, 9.5)])
def test_a_message_read_before_the_cut_or_sent_after_it_is_not(case: Case, since: float, until: float) -> None:
    case.send(10, confirmed=11)
    case.books.cut(RECIPIENT, since).until = until
    case.fails("is lost")


def test_the_cut_of_somebody_else_explains_nothing(case: Case) -> None:
    case.send(10, confirmed=11)
    case.books.cut("nurse", since=9).until = 12
    case.fails("is lost")


# -- errors


def test_what_is_refused_by_a_user_who_blocks_the_sender_is_refused(case: Case) -> None:
    case.books.block(RECIPIENT, SENDER, 0)
    case.books.refuse(case.send().id, "service-unavailable")
    case.ends("refused: service-unavailable")


def test_what_was_refused_and_arrives_is_a_fault(case: Case) -> None:
    case.books.block(RECIPIENT, SENDER, 0)
    message = case.send()
    case.books.refuse(message.id, "service-unavailable")
    case.receive(message)
    case.fails("which was refused")


def test_what_arrives_and_is_refused_is_a_fault(case: Case) -> None:
    case.books.block(RECIPIENT, SENDER, 0)
    message = case.send()
    case.receive(message)
    case.books.refuse(message.id, "service-unavailable")
    case.fails("which was received")


def test_two_errors_for_a_message_are_one_too_many(case: Case) -> None:
    case.books.block(RECIPIENT, SENDER, 0)
    message = case.send()
    case.books.refuse(message.id, "service-unavailable")
    case.books.refuse(message.id, "service-unavailable")
    case.fails("a second error")


@pytest.mark.parametrize("condition", ["service-unavailable", "not-acceptable", "internal-server-error"])
def test_without_a_block_nothing_to_an_account_is_refused(case: Case, condition: str) -> None:
    case.books.refuse(case.send().id, condition)
    case.fails("was refused", condition)


def test_a_block_that_has_ended_explains_nothing(case: Case) -> None:
    case.books.block(RECIPIENT, SENDER, 0)
    case.books.unblock(RECIPIENT, 1)
    case.books.refuse(case.send(2).id, "service-unavailable")
    case.fails("was refused")


def test_what_is_stored_when_its_sender_is_blocked_may_be_dropped(case: Case) -> None:
    case.send(1, confirmed=2)
    case.books.block(RECIPIENT, SENDER, 3)
    case.ends("dropped: its sender was blocked while it was stored, or has left without the error")


def test_what_is_sent_to_somebody_who_is_blocked_may_be_refused_too_late_to_be_heard(case: Case) -> None:
    case.books.block(SENDER, RECIPIENT, 0)
    case.send(1, confirmed=2)
    case.ends("dropped: its sender has blocked its recipient, and left without the error")


@pytest.mark.parametrize(
    ("to", "condition"), [("nobody@localhost", "service-unavailable"), ("x@y.invalid", "remote-server-not-found")]
)
def test_what_is_sent_to_nobody_is_refused_before_what_came_after_it_is_answered(
    case: Case, to: str, condition: str
) -> None:
    message = case.send(to=to, recipient=None)
    case.books.refuse(message.id, condition)
    case.books.confirm(message, 2)
    case.ends(f"refused: {condition}")


def test_what_is_sent_to_nobody_and_not_refused_is_a_fault(case: Case) -> None:
    case.send(to="nobody@localhost", recipient=None, confirmed=2)
    case.fails("no error")


# -- while it goes on


def test_what_its_recipient_must_have_read_by_now_is_lost_at_once(case: Case) -> None:
    case.send(1, confirmed=2)
    case.books.settle(RECIPIENT, 3 + GRACE)
    assert case.books.fates["lost"] == 1


def test_what_may_still_be_on_its_way_is_waited_for(case: Case) -> None:
    message = case.send(1, confirmed=4)
    case.books.settle(RECIPIENT, 3 + GRACE)
    case.receive(message)
    case.ends("received")
