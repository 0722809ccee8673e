import gevent
import pytest

from actors.storage.thread import Thread, aside


def test_what_fails_in_a_thread_is_raised_where_it_was_asked_for_and_not_printed(
    capfd: pytest.CaptureFixture[str],
) -> None:
    thread = Thread()
    with pytest.raises(ValueError, match="invalid literal"):
        thread.run(int, "x")
    assert thread.run(int, "1") == 1
    thread.end()
    assert capfd.readouterr().err == ""


def test_all_steps_are_gone_through() -> None:
    assert aside(number for number in range(3)) == [0, 1, 2]
    assert aside(number for number in range(0)) == []


def test_steps_that_fail_are_ended_in_their_thread() -> None:
    ended = []

    def steps():  # type: ignore[no-untyped-def]
        try:
            yield 1
            raise ValueError("as told")
        finally:
            ended.append(gevent.get_hub().main_hub)

    with pytest.raises(ValueError, match="as told"):
        aside(steps())
    assert ended == [False]


def test_whoever_gives_up_ends_the_steps() -> None:
    ended = []

    def steps():  # type: ignore[no-untyped-def]
        try:
            while True:
                yield
        finally:
            ended.append(True)

    going = gevent.spawn(aside, steps())
    gevent.sleep(0.01)
    assert not going.ready()
    going.kill()
    assert ended == [True]
