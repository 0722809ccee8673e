"""Every stanza of one user's or one session's, in and out, for somebody who looks on.

While nobody does, this costs nothing: the handlers of `Session` are replaced by ones that tell only as long as there is
a trace. What is shown goes to the operator who asked, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from gevent.queue import Empty, Full, Queue

from actors.actor import Clock
from actors.mailbox import Deliver
from actors.session import Session
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza

# So much may wait for who looks on; what comes meanwhile is left out, and counted.
WAITING = 1000

# Silence does not last longer (seconds): only by writing is it noticed that nobody looks on any more.
SIGN_OF_LIFE = 5.0

_handlers = Session.handlers
_on_stanza, _on_deliver, _send = _handlers[Stanza], _handlers[Deliver], Session.send


class _Trace:
    def __init__(self, jid: JID, clock: Clock) -> None:
        self.jid = jid
        self.clock = clock
        self.left_out = 0
        self.rows: Queue[dict[str, Any]] = Queue(WAITING)

    def see(self, session: Session, way: str, stanza: Stanza) -> None:
        full_jid = session.full_jid
        if full_jid is None or session.conn is None or self.jid not in (full_jid, full_jid.bare):
            return
        row = {
            "time": datetime.fromtimestamp(self.clock.now(), UTC).isoformat(timespec="milliseconds"),
            "full_jid": full_jid,
            "way": way,
            "stanza": stanza.framed().decode(),
            "left_out": self.left_out,
        }
        try:
            self.rows.put_nowait(row)
            self.left_out = 0
        except Full:
            self.left_out += 1


_traces: list[_Trace] = []


def trace(jid: JID, clock: Clock) -> Iterator[dict[str, Any] | None]:
    """What the sessions of this bare or full JID send ("in") and are sent ("out"), until the iterator is closed.

    Begins when the first row is asked for. A row has `time`, `full_jid`, `way`, `stanza` (XML) and `left_out`: how many
    there was no room for before it. None, now and then, when nothing comes.
    """
    here = _Trace(jid, clock)
    _traces.append(here)
    _install()
    try:
        while True:
            try:
                yield here.rows.get(timeout=SIGN_OF_LIFE)
            except Empty:
                yield None
    finally:
        _traces.remove(here)
        if not _traces:
            _uninstall()


def _install() -> None:
    _handlers[Stanza], _handlers[Deliver] = _seen("in", _on_stanza), _seen_deliver
    Session.send = _seen("out", _send)  # type: ignore[method-assign, assignment]


def _uninstall() -> None:
    _handlers[Stanza], _handlers[Deliver] = _on_stanza, _on_deliver
    Session.send = _send  # type: ignore[method-assign]


def _see(session: Session, way: str, stanza: Stanza) -> None:
    for each in _traces:
        each.see(session, way, stanza)


def _seen(way: str, do: Callable[[Session, Stanza], None]) -> Callable[[Session, Stanza], None]:
    def seen(session: Session, stanza: Stanza) -> None:
        _see(session, way, stanza)
        do(session, stanza)

    return seen


def _seen_deliver(session: Session, message: Deliver) -> None:
    _see(session, "out", message.stanza)
    _on_deliver(session, message)
