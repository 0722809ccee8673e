"""What is read off a server: what counts as a fault, and what does not."""

from tests.soak.gauges import MEGABYTE, Growth, Sample, read

AT = 1_800_000_000.0  # 2027-01-15 08:00:00 UTC


def samples(*kept_waiting: float) -> list[Sample]:
    """One for each second."""
    return [Sample(AT + number, 0, 0.0, 0.0, waited) for number, waited in enumerate(kept_waiting)]


def blocked(second: int, milliseconds: int) -> str:
    where = "net.stalls [-] the event loop was blocked for"
    return (
        f"2027-01-15 08:00:{second:02}.000+00:00 WARNING {where} {milliseconds} ms by <User> with Inbound in f (x.py:1)"
    )


def test_what_is_said_of_the_course_of_things_is_no_fault() -> None:
    reading = read("2027-01-15 08:00:00.000+00:00 INFO actors.server [-] stopping\n", [])
    assert not reading.ours
    assert not reading.counts


def test_every_warning_and_error_is_one_and_is_counted_by_kind() -> None:
    line = "2027-01-15 08:00:00.000+00:00 ERROR actors.actor [romeo@localhost] <User 1> crashed on X | Traceback ..."
    reading = read(f"{line}\n{line.replace('User 1', 'User 2')}\n", [])
    assert len(reading.ours) == 2
    assert list(reading.counts.values()) == [2]


def test_what_did_not_go_through_the_log_is_a_fault() -> None:
    assert read("Fatal Python error: Segmentation fault\n", []).ours


def test_a_loop_that_is_blocked_while_it_has_the_processor_is_a_fault() -> None:
    reading = read(blocked(2, 400), samples(0.0, 0.1, 0.1, 0.2))
    assert reading.ours
    assert not reading.excused


def test_a_loop_that_waited_for_the_processor_meanwhile_is_none() -> None:
    reading = read(blocked(2, 400), samples(0.0, 0.1, 0.4, 0.4))
    assert not reading.ours
    assert len(reading.excused) == 1


def test_nothing_excuses_what_nobody_has_measured() -> None:
    assert read(blocked(50, 400), samples(0.0, 1.0)).ours


def test_growth_is_that_between_the_first_and_the_last_part() -> None:
    grown = Growth.of([Sample(AT + 60 * n, 100 * MEGABYTE + n * MEGABYTE // 10, 0.0, 0.0, 0.0) for n in range(60)])
    assert round(grown.grown / MEGABYTE, 3) == 5.0
    assert round(grown.slope / MEGABYTE, 3) == 6.0


def test_memory_that_goes_up_and_down_has_not_grown() -> None:
    sizes = [100, 130, 90, 100, 95, 130, 100] * 6
    grown = Growth.of([Sample(AT + n, size * MEGABYTE, 0.0, 0.0, 0.0) for n, size in enumerate(sizes)])
    assert abs(grown.grown) < MEGABYTE
