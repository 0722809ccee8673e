import logging
import time
from collections.abc import Iterator

import gevent
import pytest

from actors.actor import Actor, told
from net.stalls import BEAT, LATE, Stalls


class Thinker(Actor):
    @told(float)
    def on_seconds(self, seconds: float) -> None:
        secret = time.monotonic() + seconds
        while time.monotonic() < secret:
            pass


@pytest.fixture
def _watched() -> Iterator[None]:
    stalls = Stalls()
    gevent.sleep(2 * BEAT)
    yield
    stalls.stop()


@pytest.mark.usefixtures("_watched")
def test_who_blocks_the_loop_is_named_with_the_message_and_the_place(caplog: pytest.LogCaptureFixture) -> None:
    Thinker().actor_inbox.tell(BEAT + LATE + 0.2)
    with gevent.Timeout(10):
        while not caplog.records:
            gevent.sleep(0.01)
    line = caplog.records[0].getMessage()
    assert line.startswith("the event loop was blocked for ")
    assert "by <Thinker> with float in on_seconds (test_stalls.py:" in line


@pytest.mark.usefixtures("_watched")
def test_who_waits_does_not_block_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.WARNING):
        gevent.sleep(0.4)
    assert caplog.records == []
