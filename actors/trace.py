"""Every stanza of one user's or one session's, in and out, for somebody who looks on.

While nobody does, this costs nothing: methods of `Session` are replaced by ones that tell only as long as there is a
trace. What is shown goes to the operator who asked, and nowhere else.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from gevent.queue import Empty, Full, Queue

from actors.clock import Clock
from actors.mailbox import Deliver
from actors.session import Session
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza

# So much may wait for who looks on; what comes meanwhile is left out, and counted.
WAITING = 1000

# Silence does not last longer (seconds): only by writing is it noticed that nobody looks on any more.
SIGN_OF_LIFE = 5.0

_handlers = Session.handlers
_on_stanza, _write = _handlers[Stanza], Session.write


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
    _handlers[Stanza] = _seen_on_stanza
    Session.write = _seen_write  # type: ignore[method-assign, assignment]


def _uninstall() -> None:
    _handlers[Stanza] = _on_stanza
    Session.write = _write  # type: ignore[method-assign]


def _see(session: Session, way: str, stanza: Stanza) -> None:
    for each in _traces:
        each.see(session, way, stanza)


def _seen_on_stanza(session: Session, stanza: Stanza) -> None:
    _see(session, "in", stanza)
    _on_stanza(session, stanza)


def _seen_write(session: Session, delivery: Deliver) -> None:
    _see(session, "out", delivery.stanza)
    _write(session, delivery)
