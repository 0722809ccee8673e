import time

import dns.rcode
import pytest

from net.dns import CannotAsk, Resolver, Service
from tests.nameserver import NameServer

ZONE = (
    "_xmpp-client._tcp.example.org. 60 IN SRV 10 0 5222 backup.example.org.",
    "_xmpp-client._tcp.example.org. 60 IN SRV 0 5 443 xmpp.example.org.",
    "_xmpp-client._tcp.example.org. 60 IN SRV 0 9 5222 xmpp.example.org.",
    "_xmpps-client._tcp.example.org. 60 IN SRV 0 0 0 .",
    "xmpp.example.org. 60 IN A 192.0.2.7",
    "xmpp.example.org. 60 IN A 192.0.2.8",
    "xmpp.example.org. 60 IN AAAA 2001:db8::7",
    'text.example.org. 60 IN TXT "no address"',
)


def test_the_services_of_a_domain_come_with_the_first_to_try_first() -> None:
    with NameServer(*ZONE) as server:
        assert Resolver([server.place]).services("_xmpp-client._tcp.example.org") == [
            Service(0, 9, 5222, "xmpp.example.org"),
            Service(0, 5, 443, "xmpp.example.org"),
            Service(10, 0, 5222, "backup.example.org"),
        ]


def test_a_service_that_is_decidedly_not_there_has_no_target() -> None:
    with NameServer(*ZONE) as server:
        assert Resolver([server.place]).services("_xmpps-client._tcp.example.org") == [Service(0, 0, 0, "")]


def test_a_host_has_addresses_of_both_kinds() -> None:
    with NameServer(*ZONE) as server:
        addresses = Resolver([server.place]).addresses("xmpp.example.org")
    assert (addresses[0], sorted(addresses[1:])) == ("2001:db8::7", ["192.0.2.7", "192.0.2.8"])


@pytest.mark.parametrize("host", ["nobody.example.org", "text.example.org"])
def test_what_does_not_exist_is_empty(host: str) -> None:
    with NameServer(*ZONE) as server:
        assert Resolver([server.place]).addresses(host) == []
        assert server.asked == [f"{host}. AAAA", f"{host}. A"]


def test_a_name_server_that_fails_is_told_of_in_one_line() -> None:
    with NameServer(rcode=dns.rcode.SERVFAIL) as server, pytest.raises(CannotAsk, match=r"\A.*SERVFAIL.*\Z"):
        Resolver([server.place]).services("_xmpp-client._tcp.example.org")


def test_the_time_begins_with_the_first_question() -> None:
    with NameServer(*ZONE) as server:
        resolver = Resolver([server.place], seconds=0.2)
        time.sleep(0.3)
        assert resolver.addresses("xmpp.example.org")


def test_all_questions_together_wait_no_longer_than_they_may() -> None:
    with NameServer(silent=True) as server:
        resolver = Resolver([server.place], seconds=0.2)
        began = time.monotonic()
        for _ in range(20):
            with pytest.raises(CannotAsk, match="no name server has answered in time"):
                resolver.addresses("example.org")
        assert time.monotonic() - began < 2
