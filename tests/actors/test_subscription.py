"""The tables of RFC 6121, Appendix A, written down a second time: state, "MUST" or "MUST NOT", state after it."""

import pytest

from actors import subscription
from actors.subscription import STATES

OUTBOUND = {
    # A.2.1: MUST the stanza be routed?
    "subscribe": """
        None                    MUST        None + Pending Out
        None + Pending Out      MUST        None + Pending Out
        None + Pending In       MUST        None + Pending Out+In
        None + Pending Out+In   MUST        None + Pending Out+In
        To                      MUST        To
        To + Pending In         MUST        To + Pending In
        From                    MUST        From + Pending Out
        From + Pending Out      MUST        From + Pending Out
        Both                    MUST        Both
    """,
    # A.2.2
    "unsubscribe": """
        None                    MUST        None
        None + Pending Out      MUST        None
        None + Pending In       MUST        None + Pending In
        None + Pending Out+In   MUST        None + Pending In
        To                      MUST        None
        To + Pending In         MUST        None + Pending In
        From                    MUST        From
        From + Pending Out      MUST        From
        Both                    MUST        From
    """,
    # A.2.3
    "subscribed": """
        None                    MUST NOT    None
        None + Pending Out      MUST NOT    None + Pending Out
        None + Pending In       MUST        From
        None + Pending Out+In   MUST        From + Pending Out
        To                      MUST NOT    To
        To + Pending In         MUST        Both
        From                    MUST NOT    From
        From + Pending Out      MUST NOT    From + Pending Out
        Both                    MUST NOT    Both
    """,
    # A.2.4
    "unsubscribed": """
        None                    MUST NOT    None
        None + Pending Out      MUST NOT    None + Pending Out
        None + Pending In       MUST        None
        None + Pending Out+In   MUST        None + Pending Out
        To                      MUST NOT    To
        To + Pending In         MUST        To
        From                    MUST        None
        From + Pending Out      MUST        None + Pending Out
        Both                    MUST        To
    """,
}

INBOUND = {
    # A.3.1: MUST the stanza be delivered?
    "subscribe": """
        None                    MUST        None + Pending In
        None + Pending Out      MUST        None + Pending Out+In
        None + Pending In       MUST NOT    None + Pending In
        None + Pending Out+In   MUST NOT    None + Pending Out+In
        To                      MUST        To + Pending In
        To + Pending In         MUST NOT    To + Pending In
        From                    MUST NOT    From
        From + Pending Out      MUST NOT    From + Pending Out
        Both                    MUST NOT    Both
    """,
    # A.3.2
    "unsubscribe": """
        None                    MUST NOT    None
        None + Pending Out      MUST NOT    None + Pending Out
        None + Pending In       MUST        None
        None + Pending Out+In   MUST        None + Pending Out
        To                      MUST NOT    To
        To + Pending In         MUST        To
        From                    MUST        None
        From + Pending Out      MUST        None + Pending Out
        Both                    MUST        To
    """,
    # A.3.3
    "subscribed": """
        None                    MUST NOT    None
        None + Pending Out      MUST        To
        None + Pending In       MUST NOT    None + Pending In
        None + Pending Out+In   MUST        To + Pending In
        To                      MUST NOT    To
        To + Pending In         MUST NOT    To + Pending In
        From                    MUST NOT    From
        From + Pending Out      MUST        Both
        Both                    MUST NOT    Both
    """,
    # A.3.4
    "unsubscribed": """
        None                    MUST NOT    None
        None + Pending Out      MUST        None
        None + Pending In       MUST NOT    None + Pending In
        None + Pending Out+In   MUST        None + Pending In
        To                      MUST        None
        To + Pending In         MUST        None + Pending In
        From                    MUST NOT    From
        From + Pending Out      MUST        From
        Both                    MUST        From
    """,
}


def rows(tables: dict[str, str]) -> list[tuple[str, str, bool, str]]:
    found = []
    for type, table in tables.items():
        for line in table.strip().splitlines():
            row = line.strip()
            state, must, after = row[:24].strip(), row[24:36].strip(), row[36:]
            found.append((type, state.lower(), must == "MUST", after.lower()))
    return found


@pytest.mark.parametrize(("type", "state", "routed", "after"), rows(OUTBOUND))
def test_what_the_user_sends(type: str, state: str, routed: bool, after: str) -> None:
    assert subscription.send(state, type) == (after, routed)


@pytest.mark.parametrize(("type", "state", "delivered", "after"), rows(INBOUND))
def test_what_the_contact_sends(type: str, state: str, delivered: bool, after: str) -> None:
    assert subscription.receive(state, type) == (after, delivered)


def test_the_tables_have_a_row_for_each_state_and_type() -> None:
    assert {(type, state) for type, state, _, _ in rows(OUTBOUND)} == {
        (type, state) for type in subscription.TYPES for state in STATES
    }


@pytest.mark.parametrize("state", STATES)
def test_a_state_says_who_sees_whom_and_who_waits(state: str) -> None:
    subscribed, _, pending = state.partition(" + pending ")
    assert (state in subscription.HELD) == (subscribed in ("to", "both"))
    assert (state in subscription.GRANTED) == (subscribed in ("from", "both"))
    assert (state in subscription.ASKED) == ("out" in pending)
    assert (state in subscription.ASKS) == ("in" in pending)


def test_an_approval_is_kept_only_where_there_is_neither_a_request_nor_a_subscription() -> None:
    """§3.4.2"""
    assert {*STATES} - subscription.GRANTED - subscription.ASKS == subscription.PREAPPROVABLE
