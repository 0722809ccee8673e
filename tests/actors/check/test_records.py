from typing import Any

import pytest

from actors.check.facts import Records
from actors.check.records import CLIENT, DIRECT, judge, zone
from net.dns import Service

DOMAIN = "example.org"


def records(*client: Service, direct: tuple[Service, ...] = (), **others: Any) -> Records:
    """Of a server that listens at 5222 and, with TLS from the beginning, at 5223."""
    told: dict[str, Any] = {
        "ports": {CLIENT: (5222,), DIRECT: (5223,)},
        "addresses": {DOMAIN: ("192.0.2.7",), "xmpp.example.org": ("192.0.2.8",), "gone.example.org": ()},
        **others,
    }
    return Records(DOMAIN, services={CLIENT: client, DIRECT: direct}, **told)


def to(port: int, target: str = DOMAIN) -> Service:
    return Service(0, 5, port, target)


def judged(found: Records, service: str = CLIENT) -> tuple[str, str]:
    (finding,) = (each for each in judge(found) if service in each.what)
    assert finding.what == f"DNS {service}.example.org"
    return finding.state, finding.text


def test_records_that_lead_to_the_server_are_well() -> None:
    found = records(to(5222), direct=(to(5223, "xmpp.example.org"),))
    assert judged(found) == ("ok", "leads to example.org port 5222 (192.0.2.7)")
    assert judged(found, DIRECT) == ("ok", "leads to xmpp.example.org port 5223 (192.0.2.8)")


def test_without_records_clients_try_the_domain_itself() -> None:
    state, text = judged(records())
    assert state == "warning"
    assert "clients try example.org itself (192.0.2.7)" in text
    assert judged(records(), DIRECT)[0] == "warning"


@pytest.mark.parametrize(
    ("found", "told"),
    [
        (records(addresses={DOMAIN: ()}), "example.org has no address: no client finds the server"),
        (records(ports={CLIENT: (5000,), DIRECT: ()}), "example.org port 5222, where the server does not listen"),
        (records(Service(0, 0, 0, "")), "says that there is no such service: replace it"),
        (records(to(5222), to(5222, "gone.example.org")), "leads to gone.example.org, which has no address"),
        (records(to(5222), ports={CLIENT: (), DIRECT: ()}), "the server does not listen for that: take it out"),
    ],
)
def test_records_by_which_nobody_finds_the_server_are_an_error(found: Records, told: str) -> None:
    state, text = judged(found)
    assert state == "error"
    assert told in text


def test_another_port_is_right_only_if_it_is_forwarded() -> None:
    state, text = judged(records(to(443), to(5222)))
    assert state == "warning"
    assert "leads to port 443, where" in text


def test_what_is_not_listened_for_needs_no_record() -> None:
    found = records(to(5222), ports={CLIENT: (5222,), DIRECT: ()})
    assert [finding.what for finding in judge(found)] == [f"DNS {CLIENT}.example.org"]


def test_that_nobody_could_be_asked_is_no_error() -> None:
    (finding,) = judge(Records(DOMAIN, {CLIENT: (5222,), DIRECT: ()}, problem="no name server has answered in time"))
    assert (finding.what, finding.state) == ("DNS of example.org", "warning")
    assert finding.text.startswith("could not ask: no name server has answered in time")


def test_a_name_that_is_not_in_dns_needs_nothing() -> None:
    local = Records("localhost", {CLIENT: (5222,), DIRECT: (5223,)}, public=False)
    assert [finding.state for finding in judge(local)] == ["ok"]
    assert zone(local) == []


# -- the zone


def test_the_zone_has_a_line_for_each_port() -> None:
    found = records(ports={CLIENT: (5222, 443), DIRECT: (5223,)}, addresses={DOMAIN: ()})
    assert zone(found) == [
        "_xmpp-client._tcp.example.org. 3600 IN SRV 0 5 5222 example.org.",
        "_xmpp-client._tcp.example.org. 3600 IN SRV 0 5 443 example.org.",
        "_xmpps-client._tcp.example.org. 3600 IN SRV 0 5 5223 example.org.",
        "; example.org. has to have the addresses of this server; in DNS now: none",
    ]


def test_the_host_that_dns_names_already_keeps_its_place() -> None:
    assert zone(records(to(5222, "xmpp.example.org")))[1:] == [
        "_xmpps-client._tcp.example.org. 3600 IN SRV 0 5 5223 xmpp.example.org.",
        "; xmpp.example.org. has to have the addresses of this server; in DNS now: 192.0.2.8",
    ]


def test_a_server_for_direct_tls_only_says_that_there_is_nothing_else() -> None:
    lines = zone(records(ports={CLIENT: (), DIRECT: (5223,)}))
    assert lines[0] == "_xmpp-client._tcp.example.org. 3600 IN SRV 0 0 0 ."


def test_without_a_name_server_the_zone_is_told_all_the_same() -> None:
    found = Records(DOMAIN, {CLIENT: (5222,), DIRECT: ()}, problem="no name server has answered in time")
    assert zone(found) == [
        "_xmpp-client._tcp.example.org. 3600 IN SRV 0 5 5222 example.org.",
        "; example.org. has to have A and AAAA records with the addresses of this server",
    ]
