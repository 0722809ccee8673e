import socket

import pytest

from net.reach import places, reach


def test_a_socket_bound_to_one_address_is_reached_there() -> None:
    assert places("127.0.0.1") == ["127.0.0.1"]


def test_a_socket_bound_to_all_is_reached_at_each() -> None:
    found = places("0.0.0.0")
    assert found[0] == "127.0.0.1"
    for place in found:  # whichever they are, they are this machine's
        with socket.socket(socket.AF_INET) as sock:
            sock.bind((place, 0))


def test_a_port_that_is_listened_at_is_reached() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        assert reach("127.0.0.1", listening.getsockname()[1]) == ""


@pytest.mark.parametrize("host", ["127.0.0.1", "127.0.0.9"])
def test_why_nobody_can_be_reached_is_told(host: str) -> None:
    with socket.socket() as bound:
        bound.bind((host, 0))
        assert reach(host, bound.getsockname()[1]) == "Connection refused"
