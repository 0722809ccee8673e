import gevent
from gevent.event import Event

from actors.clock import WallClock


def test_a_timer_goes_off_once_and_not_when_cancelled() -> None:
    clock, fired = WallClock(), Event()
    went_off: list[str] = []
    cancelled = clock.after(0.001, lambda: went_off.append("cancelled"))
    cancelled.cancel()
    timer = clock.after(0.002, lambda: (went_off.append("timer"), fired.set()))  # type: ignore[func-returns-value]
    with gevent.Timeout(10):
        fired.wait()
    timer.cancel()
    timer.cancel()
    assert went_off == ["timer"]
