"""History: a client looks at a page of its archive, again and again; archives are small and large."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from tests.bench.history import peer
from tests.bench.load import Client, Load, Stuck, counting
from tests.bench.login import log_in
from tests.bench.measure import Row, Usage, percentile

PAGE = 50
"""Messages on one page."""

MAM = "urn:xmpp:mam:2"
NEWEST = f"<set xmlns='http://jabber.org/protocol/rsm'><max>{PAGE}</max><before/></set>"
OF_ONE = (
    "<x xmlns='jabber:x:data' type='submit'>"
    f"<field var='FORM_TYPE' type='hidden'><value>{MAM}</value></field>"
    f"<field var='with'><value>{peer(7)}</value></field></x>"
    f"<set xmlns='http://jabber.org/protocol/rsm'><max>{PAGE}</max></set>"
)
PAGES = {"the newest": NEWEST, "the first of one contact": OF_ONE}
RESULT, END = b"</result>", b"</fin></iq>"


@dataclass(frozen=True)
class History:
    """`archives`: how many messages are in the archives of which users."""

    archives: Mapping[int, int]

    @property
    def users(self) -> int:
        """How many accounts it takes."""
        return max(self.archives) + 1

    def measure(self, load: Load, usage: Usage, seconds: float) -> Iterator[Row]:
        clients = log_in(load, self.archives)
        load.settle()
        for client, messages in zip(clients, self.archives.values(), strict=True):
            for which, wanted in PAGES.items():
                reader = _Reader(load, client, wanted)
                first = reader.look(min(1.0, seconds / 2))[0]
                window = usage.window()
                waits = sorted((wait, 1) for wait in reader.look(seconds))
                values = {
                    **window.end().each("page", len(waits)),
                    "first ms": 1e3 * first,
                    "p50 ms": 1e3 * percentile(waits, 0.5),
                    "p99 ms": 1e3 * percentile(waits, 0.99),
                }
                yield Row(f"{messages:,} messages, {which}", values)


class _Reader:
    """A client that asks for a page, and again when all of it has come."""

    def __init__(self, load: Load, client: Client, wanted: str) -> None:
        self._load = load
        self._client = client
        self._query = f"<iq type='set' id='page'><query xmlns='{MAM}'>{wanted}</query></iq>".encode()
        self._shown = 0
        results, ends = counting(RESULT, self._results), counting(END, self._end)

        def hear(data: bytes) -> None:
            results(data)
            ends(data)

        client.hear = hear

    def look(self, seconds: float) -> list[float]:
        """Asks for so long, once at least. Returns how many seconds each page took. Raises Stuck."""
        self._waits: list[float] = []
        self._until = time.perf_counter() + seconds
        self._going = True
        self._ask()
        self._load.run(lambda: not self._going)
        return self._waits

    def _ask(self) -> None:
        self._shown = 0
        self._sent = time.perf_counter()
        self._client.send(self._query)

    def _results(self, count: int) -> None:
        self._shown += count

    def _end(self, _count: int) -> None:
        now = time.perf_counter()
        self._waits.append(now - self._sent)
        if self._shown != PAGE:
            raise Stuck(f"a page has {self._shown} messages and not {PAGE}")
        self._going = now < self._until
        if self._going:
            self._ask()
