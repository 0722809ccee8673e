"""The whole of it: real files, real sockets, a real name server on loopback."""

import errno
import resource
import socket
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import pytest

from actors.check import Report, check
from actors.check.gathering import gather
from actors.config import Config
from actors.server import Server, configure
from net.dns import Resolver
from net.tls import self_signed
from tests.authority import Authority
from tests.nameserver import NameServer

NOT_ASKED = Resolver([("127.0.0.1", 9)], seconds=0)


def found(report: Report) -> dict[str, tuple[str, str]]:
    return {finding.what: (finding.state, finding.text) for finding in report.findings}


@pytest.fixture
def written(tmp_path: Path) -> Callable[..., Config]:
    """A configuration with its data below the test's folder; listens nowhere unless `sets` say where."""

    def written(*sets: str) -> Config:
        base = (f'data_dir="{tmp_path}/data"', "listen.c2s=[]", "listen.c2s_tls=[]", "sasl.iterations=4096")
        return configure(None, [*base, *sets])

    return written


Written = Callable[..., Config]


@pytest.fixture
def running(written: Written) -> Iterator[Callable[..., Server]]:
    """Starts a server; the configuration that it reads at a reload is `server.reread`."""
    started: list[Server] = []

    def running(*sets: str) -> Server:
        started.append(Server(written(*sets)))
        started[-1].start()
        return started[-1]

    with gevent.Timeout(20):
        yield running
    for server in started:
        server.stop()


Running = Callable[..., Server]

HERE = ('listen.c2s=["127.0.0.1:0"]', 'listen.c2s_tls=["127.0.0.1:0"]')


# -- without a server


def test_a_fresh_machine_is_only_looked_at(written: Written, tmp_path: Path) -> None:
    report = check(written(*HERE), NOT_ASKED)
    assert [(finding.what, finding.state) for finding in report.findings] == [
        ("server", "ok"),
        ("configuration", "ok"),
        ("listen.c2s 127.0.0.1:0", "ok"),
        ("listen.c2s_tls 127.0.0.1:0", "ok"),
        ("certificate of localhost", "warning"),
        (f"data_dir {tmp_path}/data", "ok"),
        (f"storage sqlite:///{tmp_path}/data/parley.sqlite", "ok"),
        ("open files", "ok" if resource.getrlimit(resource.RLIMIT_NOFILE)[1] >= 4096 else "warning"),
        ("DNS of localhost", "ok"),
    ]
    assert report.lines == []
    assert list(tmp_path.iterdir()) == []


def test_a_port_that_somebody_has_is_an_error_and_stays_theirs(written: Written) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        state, text = found(check(written(f'listen.c2s=["127.0.0.1:{port}"]'), NOT_ASKED))[
            f"listen.c2s 127.0.0.1:{port}"
        ]
        assert state == "error"
        assert "something listens there already" in text
        socket.create_connection(("127.0.0.1", port)).close()


def test_addresses_that_are_in_each_others_way_are_found(written: Written) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
    config = written(f'listen.c2s=["127.0.0.1:{port}", "127.0.0.1:{port}"]')
    assert [port.errno == 0 for port in gather(config, None, NOT_ASKED).ports] == [True, False]


def test_an_address_that_the_machine_has_not_is_an_error(written: Written) -> None:
    (port,) = gather(written('listen.c2s=["192.0.2.1:5222"]'), None, NOT_ASKED).ports
    assert (port.errno, port.error) == (errno.EADDRNOTAVAIL, "Cannot assign requested address")


def test_a_certificate_is_read_with_its_chain(written: Written, tmp_path: Path) -> None:
    root = Authority("Root")
    file, key = root.writes(tmp_path, "example.org", days=10)
    key.chmod(0o644)
    host = f'hosts."example.org"={{certificate="{file}", key="{key}"}}'
    (certificate,) = gather(written(host), None, NOT_ASKED).certificates
    assert (certificate.kind, certificate.names, certificate.covers) == ("own", ("example.org",), True)
    assert (certificate.exposed, certificate.stale, certificate.made) == (True, False, True)
    assert certificate.chain is not None
    assert (certificate.chain.link, certificate.chain.key, certificate.chain.bits) == ("private", "EC", 256)


def test_what_is_wrong_with_certificates_is_found(written: Written, tmp_path: Path) -> None:
    root = Authority("Root")
    (tmp_path / "other").mkdir()
    file, _ = root.writes(tmp_path, "example.org", days=-1)
    _, key = root.writes(tmp_path / "other", "example.org")
    sets = [
        f'tls.certificate="{file}"',
        f'tls.key="{tmp_path}/example.org.key"',
        'hosts."example.net"={}',
        f'hosts."a.example"={{certificate="{file}", key="{key}"}}',
        'hosts."b.example"={certificate="/nonexistent/x", key="/nonexistent/y"}',
    ]
    findings = [f for f in check(written(*sets), NOT_ASKED).findings if f.what.startswith("certificate of")]
    expected = [
        ("example.net", "error", f"{file} names example.org: "),
        ("example.net", "error", f"{file} has expired on "),
        ("example.net", "warning", f"{file} leads to an authority "),
        ("a.example", "error", f"{key}: not the key of {file}: "),
        ("b.example", "error", "/nonexistent/x: No such file or directory: "),
    ]
    assert len(findings) == len(expected)
    for finding, (domain, state, beginning) in zip(findings, expected, strict=True):
        assert (finding.what, finding.state) == (f"certificate of {domain}", state)
        assert finding.text.startswith(beginning)


def test_a_self_signed_certificate_that_will_be_made_anew_is_not_judged(written: Written, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o700)
    self_signed(tmp_path / "data" / "self-signed.crt", tmp_path / "data" / "self-signed.key", ["localhost"])
    sets = ("hosts.localhost={}", 'hosts."example.org"={}')
    assert [each.made for each in gather(written(), None, NOT_ASKED).certificates] == [True]
    assert [each.made for each in gather(written(*sets), None, NOT_ASKED).certificates] == [False, False]


def test_a_storage_that_cannot_be_opened_leaves_the_rest_to_be_told(written: Written, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir(mode=0o755)
    (tmp_path / "data" / "parley.sqlite").write_bytes(b"no database" * 1000)
    told = found(check(written(), NOT_ASKED))
    state, text = told[f"storage sqlite:///{tmp_path}/data/parley.sqlite"]
    assert state == "error"
    assert text.endswith("file is not a database")
    assert told[f"data_dir {tmp_path}/data"][0] == "warning"


# -- with a server


def test_a_server_that_runs_is_reached_and_goes_on(running: Running) -> None:
    server = running(*HERE)
    told = found(check(server.config, NOT_ASKED, server))
    port = server.listeners["c2s"][0].port
    assert told["server"][1].startswith("running, process ")
    assert told["configuration"] == ("ok", "valid, and in force")
    assert told[f"listen.c2s 127.0.0.1:{port}"][0] == "ok"
    assert told["certificate of localhost"][1].endswith("name one from an authority in tls.certificate")
    assert told[f"storage {server.config.storage.url}"] == ("ok", "can be opened; its schema is current")
    assert told[f"data_dir {server.config.data_dir}"][0] == "ok"
    assert server.running


def test_a_listener_that_has_gone_is_found(running: Running) -> None:
    server = running(*HERE)
    listener = server.listeners["c2s"][0]
    listener.stop()
    state, text = found(check(server.config, NOT_ASKED, server))[f"listen.c2s 127.0.0.1:{listener.port}"]
    assert state == "error"
    assert "127.0.0.1: Connection refused" in text


def test_a_configuration_that_is_not_in_force_is_told(running: Running, written: Written) -> None:
    server = running()
    server.reread = lambda: written("limits.roster=7")
    state, text = found(check(server.config, NOT_ASKED, server))["configuration"]
    assert state == "warning"
    assert text == "changed, but not yet in force (limits.roster = 7, was 2000): parleyctl reload"
    server.reread = lambda: written("limits.roster=0")
    state, text = found(check(server.config, NOT_ASKED, server))["configuration"]
    assert state == "error"
    assert "limits.roster = 0 expected a whole number" in text


def test_a_renewed_certificate_that_is_not_shown_yet_is_found(running: Running, tmp_path: Path) -> None:
    file, key = tmp_path / "own.crt", tmp_path / "own.key"
    self_signed(file, key, ["localhost"])
    server = running(f'hosts.localhost={{certificate="{file}", key="{key}"}}')
    assert not gather(server.config, server, NOT_ASKED).certificates[0].stale
    self_signed(file, key, ["localhost"])
    assert gather(server.config, server, NOT_ASKED).certificates[0].stale
    server.reload()
    assert not gather(server.config, server, NOT_ASKED).certificates[0].stale


# -- DNS


def test_the_lines_that_are_printed_are_what_is_missing(written: Written) -> None:
    config = written('listen.c2s=["127.0.0.1:5222"]', 'listen.c2s_tls=["127.0.0.1:5223"]', 'hosts."bücher.example"={}')
    services = [f"DNS {service}.xn--bcher-kva.example" for service in ("_xmpp-client._tcp", "_xmpps-client._tcp")]
    with NameServer() as server:
        before = check(config, Resolver([server.place]))
    assert [found(before)[service][0] for service in services] == ["error", "warning"]
    with NameServer(*before.lines, "xn--bcher-kva.example. 60 IN A 127.0.0.1") as server:
        after = check(config, Resolver([server.place]))
    assert [found(after)[service] for service in services] == [
        ("ok", "leads to xn--bcher-kva.example port 5222 (127.0.0.1)"),
        ("ok", "leads to xn--bcher-kva.example port 5223 (127.0.0.1)"),
    ]
    assert after.lines[:2] == before.lines[:2]


def test_the_ports_are_those_that_the_server_has(running: Running) -> None:
    server = running(*HERE, 'hosts."example.org"={}')
    with NameServer() as names:
        report = check(server.config, Resolver([names.place]), server)
    ports = [str(server.listeners[name][0].port) for name in ("c2s", "c2s_tls")]
    assert [line.split()[6] for line in report.lines[:2]] == ports


def test_a_name_server_that_does_not_answer_is_no_error(written: Written) -> None:
    with NameServer(silent=True) as server:
        config = written('hosts."example.org"={}', 'hosts."example.net"={}')
        told = found(check(config, Resolver([server.place], seconds=0.2)))
    for domain in ("example.org", "example.net"):
        state, text = told[f"DNS of {domain}"]
        assert state == "warning"
        assert text.startswith("could not ask: no name server has answered in time")


@pytest.mark.parametrize("domain", ["localhost", "xmpp.localhost", "127.0.0.1", "[::1]"])
def test_names_that_are_not_in_dns_are_not_asked_for(written: Written, domain: str) -> None:
    with NameServer() as server:
        (records,) = gather(written(f'hosts."{domain}"={{}}'), None, Resolver([server.place])).records
    assert not records.public
    assert server.asked == []
