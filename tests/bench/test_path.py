from tests.bench.path import SETS, measure


def test_messages_arrive_and_take_their_time() -> None:
    for sets in SETS.values():
        assert measure(0.0, *sets) > 0
