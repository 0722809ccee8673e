"""The subscription state machine of RFC 6121, Appendix A, as data.

A state says what passes between the user and one contact: `to` (the user receives the contact's presence), `from`,
and the requests that wait: `out` (ours, unanswered) and `in` (theirs). The tables below are those of the appendix,
row by row; everything else in this file only reads them.
"""

from __future__ import annotations

from typing import Final, Literal, NamedTuple, get_args

NONE: Final = "none"
NONE_OUT: Final = "none + pending out"
NONE_IN: Final = "none + pending in"
NONE_OUT_IN: Final = "none + pending out+in"
TO: Final = "to"
TO_IN: Final = "to + pending in"
FROM: Final = "from"
FROM_OUT: Final = "from + pending out"
BOTH: Final = "both"

State = Literal[
    "none",
    "none + pending out",
    "none + pending in",
    "none + pending out+in",
    "to",
    "to + pending in",
    "from",
    "from + pending out",
    "both",
]
STATES: tuple[State, ...] = get_args(State)

TYPES = ("subscribe", "unsubscribe", "subscribed", "unsubscribed")

# What the user sends: the state it leads to (§A.2). A state that is missing stays as it is.
SENT = {
    "subscribe": {NONE: NONE_OUT, NONE_IN: NONE_OUT_IN, FROM: FROM_OUT},
    "unsubscribe": {
        NONE_OUT: NONE,
        NONE_OUT_IN: NONE_IN,
        TO: NONE,
        TO_IN: NONE_IN,
        FROM_OUT: FROM,
        BOTH: FROM,
    },
    "subscribed": {NONE_IN: FROM, NONE_OUT_IN: FROM_OUT, TO_IN: BOTH},
    "unsubscribed": {
        NONE_IN: NONE,
        NONE_OUT_IN: NONE_OUT,
        TO_IN: TO,
        FROM: NONE,
        FROM_OUT: NONE_OUT,
        BOTH: TO,
    },
}

# What the contact sends (§A.3): the state it leads to. It is delivered exactly when the state changes.
RECEIVED = {
    "subscribe": {NONE: NONE_IN, NONE_OUT: NONE_OUT_IN, TO: TO_IN},
    "unsubscribe": {
        NONE_IN: NONE,
        NONE_OUT_IN: NONE_OUT,
        TO_IN: TO,
        FROM: NONE,
        FROM_OUT: NONE_OUT,
        BOTH: TO,
    },
    "subscribed": {NONE_OUT: TO, NONE_OUT_IN: TO_IN, FROM_OUT: BOTH},
    "unsubscribed": {
        NONE_OUT: NONE,
        NONE_OUT_IN: NONE_IN,
        TO: NONE,
        TO_IN: NONE_IN,
        FROM_OUT: FROM,
        BOTH: FROM,
    },
}

# Asking and ending are always routed; granting and taking back only where that changes something (§A.2.3, §A.2.4).
ALWAYS_ROUTED = frozenset(("subscribe", "unsubscribe"))

# Where "subscribed" answers no request, it is kept as pre-approval (§3.4).
PREAPPROVABLE = frozenset((NONE, NONE_OUT, TO))

# Where the contact sees the user's presence; a request from there is answered by the server (§3.1.3).
GRANTED = frozenset((FROM, FROM_OUT, BOTH))

# Where the user sees the contact's.
HELD = frozenset((TO, TO_IN, BOTH))

# Where the user's own request waits for an answer, and where the contact's does.
ASKED = frozenset((NONE_OUT, NONE_OUT_IN, FROM_OUT))
ASKS = frozenset((NONE_IN, NONE_OUT_IN, TO_IN))


class Move(NamedTuple):
    """What a subscription stanza does to one side: the state after it, and whether the stanza goes on."""

    state: str
    passes: bool


def send(state: str, type: str) -> Move:
    """The user's own subscription stanza: passes when it is to be routed to the contact."""
    after = SENT[type].get(state, state)
    return Move(after, type in ALWAYS_ROUTED or after != state)


def receive(state: str, type: str) -> Move:
    """The contact's subscription stanza: passes when it is to be delivered to the user."""
    after = RECEIVED[type].get(state, state)
    return Move(after, after != state)
