import pytest
from hypothesis import given
from hypothesis import strategies as st

from net.limits import FULL, Crowd, Guest, Rate, Throttle, origin

NOW = 1_800_000_000.0

# -- buckets


def test_as_much_as_comes_in_the_burst_may_be_taken_at_once() -> None:
    rate = Rate(10, burst=2)
    bucket = rate.take(FULL, 20, NOW)
    assert rate.debt(bucket, NOW) == 0
    assert rate.debt(rate.take(bucket, 5, NOW), NOW) == pytest.approx(0.5)


def test_a_debt_is_paid_by_waiting() -> None:
    rate = Rate(10, burst=1)
    bucket = rate.take(FULL, 30, NOW)
    wait = rate.debt(bucket, NOW)
    assert wait == pytest.approx(2)
    assert rate.debt(bucket, NOW + wait) == pytest.approx(0)


@given(st.lists(st.tuples(st.floats(0, 10), st.floats(0, 100)), max_size=50))
def test_who_waits_for_the_debt_never_gets_more_than_the_rate_and_the_burst(steps: list[tuple[float, float]]) -> None:
    rate, bucket, now, taken, last = Rate(10, burst=3), FULL, 0.0, 0.0, 0.0
    for pause, amount in steps:
        now += pause + rate.debt(bucket, now + pause)
        assert taken <= 10 * (now + 3) + 1e-6
        bucket = rate.take(bucket, amount, now)
        taken, last = taken + amount, amount
    assert taken - last <= 10 * (now + 3) + 1e-6


# -- buckets by key


def test_each_key_has_its_own_tokens() -> None:
    throttle = Throttle(Rate(3 / 60, burst=60))
    assert [throttle.take("one", NOW) for _ in range(5)] == [True, True, True, False, False]
    assert throttle.take("other", NOW)


def test_tokens_come_back_with_time() -> None:
    throttle = Throttle(Rate(3 / 60, burst=60))
    for _ in range(3):
        throttle.take("one", NOW)
    assert not throttle.take("one", NOW + 15)
    assert throttle.take("one", NOW + 20)
    assert not throttle.take("one", NOW + 21)


@pytest.mark.parametrize("count", [1, 7, 100, 5000])
def test_the_number_of_tokens_is_exact(count: int) -> None:
    throttle = Throttle(Rate(count / 3600, burst=3600))
    assert sum(throttle.take("one", NOW) for _ in range(count + 10)) == count


def test_a_token_that_is_given_back_can_be_taken_again() -> None:
    throttle = Throttle(Rate(1 / 60, burst=60))
    assert throttle.take("one", NOW)
    throttle.give_back("one")
    assert throttle.take("one", NOW)
    assert not throttle.take("one", NOW)


def test_a_clock_that_is_set_back_locks_nobody_out() -> None:
    throttle = Throttle(Rate(1 / 60, burst=60))
    throttle.take("one", NOW)
    assert throttle.take("one", NOW - 1_000_000)
    assert not throttle.take("one", NOW - 1_000_000)


def test_a_key_whose_bucket_is_full_again_is_forgotten() -> None:
    throttle = Throttle(Rate(1, burst=60))
    for number in range(100):
        throttle.take(number, NOW)
    throttle.take("later", NOW + 2)
    assert len(throttle) == 1


def test_no_more_keys_are_remembered_than_there_is_room_for() -> None:
    throttle = Throttle(Rate(1 / 60, burst=60), size=10)
    for number in range(100):
        throttle.take(number, NOW)
    assert len(throttle) == 10
    assert not throttle.take(99, NOW)
    throttle.give_back("unknown")


# -- the crowd


def enter(crowd: Crowd, peer: str, now: float = 0.0) -> Guest:
    guest = crowd.enter(peer, now)
    assert guest is not None
    return guest


def test_of_one_address_only_so_many_may_be_half_open() -> None:
    crowd = Crowd(most=10, most_half_open=2)
    first = enter(crowd, "192.0.2.1:1")
    enter(crowd, "192.0.2.1:2")
    assert crowd.enter("192.0.2.1:3", 0.0) is None
    assert crowd.enter("192.0.2.2:3", 0.0) is not None
    first.known()
    assert crowd.enter("192.0.2.1:4", 0.0) is not None


def test_of_one_address_only_so_many_may_be_connected() -> None:
    crowd = Crowd(most=2, most_half_open=2)
    first, second = enter(crowd, "192.0.2.1:1"), enter(crowd, "192.0.2.1:2")
    first.known()
    second.known()
    assert crowd.enter("192.0.2.1:3", 60.0) is None
    first.leaves()
    assert crowd.enter("192.0.2.1:3", 60.0) is not None


def test_of_one_address_only_so_many_may_be_begun_in_a_minute() -> None:
    crowd = Crowd(most=3, most_half_open=3)
    for _ in range(3):
        enter(crowd, "192.0.2.1:1").leaves()
    assert crowd.enter("192.0.2.1:1", 17.0) is None
    enter(crowd, "192.0.2.2:1", 17.0)
    enter(crowd, "192.0.2.1:1", 20.0).leaves()
    assert crowd.enter("192.0.2.1:1", 20.0) is None
    for _ in range(3):
        enter(crowd, "192.0.2.1:1", 80.0).leaves()


def test_a_limit_may_change_while_there_are_connections() -> None:
    crowd = Crowd(most=1, most_half_open=1)
    enter(crowd, "192.0.2.1:1").known()
    crowd.limit(most=2, most_half_open=1)
    enter(crowd, "192.0.2.1:2")
    assert crowd.enter("192.0.2.1:3", 60.0) is None


def test_who_leaves_without_having_been_known_is_no_longer_half_open() -> None:
    crowd = Crowd(most=10, most_half_open=1)
    enter(crowd, "192.0.2.1:1").leaves()
    enter(crowd, "192.0.2.1:2").known()
    enter(crowd, "192.0.2.1:3")


def test_an_address_is_forgotten_with_its_last_connection() -> None:
    crowd = Crowd(most=10, most_half_open=10)
    guests = [enter(crowd, "192.0.2.1:1"), enter(crowd, "192.0.2.1:2"), enter(crowd, "[2001:db8::1]:1")]
    assert len(crowd) == 2
    for guest in guests:
        guest.leaves()
    assert len(crowd) == 0


@pytest.mark.parametrize(
    ("peer", "expected"),
    [
        ("192.0.2.1:5222", "192.0.2.1"),
        ("[2001:db8:1:2:3:4:5:6]:9", "2001:db8:1:2::/64"),
        ("[fe80::1%eth0]:9", "fe80::/64"),
        ("wire", "wire"),
    ],
)
def test_the_addresses_of_one_customer_are_one(peer: str, expected: str) -> None:
    assert origin(peer) == expected
