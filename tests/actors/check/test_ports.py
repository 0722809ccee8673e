import errno

import pytest

from actors.check.facts import Port
from actors.check.ports import judge


def judged(port: Port, *, running: bool) -> tuple[str, str, str]:
    (finding,) = judge([port], running=running)
    return finding.what, finding.state, finding.text


def test_a_port_that_clients_reach_is_well() -> None:
    port = Port("c2s", "0.0.0.0", 5222, ours=True, reached=("127.0.0.1", "192.0.2.7"))
    what, state, text = judged(port, running=True)
    assert (what, state) == ("listen.c2s 0.0.0.0:5222", "ok")
    assert text.endswith("connected to at 127.0.0.1, 192.0.2.7")


def test_a_port_that_one_address_does_not_lead_to_is_an_error() -> None:
    unreached = {"192.0.2.7": "Connection timed out"}
    port = Port("c2s", "0.0.0.0", 5222, ours=True, reached=("127.0.0.1",), unreached=unreached)
    _, state, text = judged(port, running=True)
    assert state == "error"
    assert "(192.0.2.7: Connection timed out)" in text


def test_a_port_of_addresses_that_the_machine_does_not_have_is_a_warning() -> None:
    what, state, text = judged(Port("c2s_tls", "::", 5223, ours=True), running=True)
    assert (what, state) == ("listen.c2s_tls [::]:5223", "warning")
    assert "no such address" in text


@pytest.mark.parametrize(
    ("number", "state", "told"),
    [
        (0, "ok", "free"),
        (errno.EADDRINUSE, "error", "ss -ltnp sport = :5222"),
        (errno.EACCES, "error", "CAP_NET_BIND_SERVICE"),
        (errno.EADDRNOTAVAIL, "error", "no such address: correct listen.c2s"),
        (-2, "error", "Name or service not known: correct listen.c2s"),
    ],
)
def test_a_port_is_free_or_the_remedy_is_told(number: int, state: str, told: str) -> None:
    port = Port("c2s", "127.0.0.1", 5222, errno=number, error="Name or service not known")
    _, found, text = judged(port, running=False)
    assert found == state
    assert told in text


def test_a_server_that_listens_nowhere_is_an_error() -> None:
    (finding,) = judge([], running=True)
    assert (finding.what, finding.state) == ("listen", "error")
