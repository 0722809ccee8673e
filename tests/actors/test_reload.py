import logging
import socket
import ssl
from collections.abc import Callable, Iterator
from pathlib import Path

import gevent
import gevent.socket
import pytest

from actors import logs
from actors.config import Config
from actors.reload import CannotReload, changes, frozen
from actors.router import DROWSE
from actors.server import Server, configure
from actors.storage import Map
from net.tls import self_signed
from tests.world import PASSWORD, STREAM, Client, StoppedClock, World, failure, settle


@pytest.fixture(autouse=True)
def _bounded() -> Iterator[None]:
    with gevent.Timeout(20):
        yield
    for name in logs.OURS:
        logging.getLogger(name).setLevel(logging.NOTSET)


def config(*sets: str) -> Config:
    return configure(None, ['storage.url="memory:"', *sets])


# -- what differs


def test_equal_configurations_do_not_differ() -> None:
    assert changes(config(), config()) == []


def test_each_option_that_differs_is_told_with_both_values() -> None:
    assert changes(config(), config("limits.roster=7", 'log.level="debug"')) == [
        "limits.roster = 7, was 2000",
        'log.level = "debug", was "info"',
    ]


def test_domains_that_come_and_go_are_told() -> None:
    assert changes(config('hosts."a.example"={}'), config('hosts."b.example"={}')) == [
        'hosts."a.example" removed',
        'hosts."b.example" added',
    ]


def test_what_rests_on_open_files_is_frozen() -> None:
    new = config('data_dir="/elsewhere"', 'storage.url="sqlite:////tmp/x"', "limits.roster=7")
    assert frozen(config(), new) == ["data_dir", "storage.url"]


# -- a server that runs


BASE = (
    "hosts.localhost={}",
    'listen.c2s=["127.0.0.1:0"]',
    "listen.c2s_tls=[]",
    'storage.url="memory:"',
    "sasl.iterations=4096",
)


class Running:
    """A started server; `sets` are what is written in its configuration."""

    def __init__(self, folder: Path, *sets: str) -> None:
        self.folder = folder
        self.sets: tuple[str, ...] = sets
        self.clock = StoppedClock()
        self.server = Server(self.written(), clock=self.clock, reread=self.written)
        self.server.start()
        self.router = self.server.router

    def written(self) -> Config:
        return configure(None, [f'data_dir="{self.folder}"', *BASE, *self.sets])

    def reload(self, *sets: str) -> list[str]:
        self.sets = sets
        lines = self.server.reload()
        settle()
        return lines

    def connect(self, user: str, domain: str = "localhost") -> Client:
        """A client that has logged in and bound the resource "x"; the account is made if need be."""
        served = self.server.router.domain(domain)
        assert served is not None
        jid = served.accounts.jid(user)
        if not served.accounts.exists(jid):
            served.accounts.create(jid, PASSWORD, 0)
        return self.stranger().opens(domain).logs_in(user, to=domain).binds("x")

    def stranger(self) -> Client:
        """A client that has connected and said nothing."""
        return World.wire(self)


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Callable[..., Running]]:
    started: list[Running] = []

    def start(*sets: str) -> Running:
        started.append(Running(tmp_path, *sets))
        return started[-1]

    yield start
    for running in started:
        running.server.stop()


Start = Callable[..., Running]


def certificate_shown(running: Running, name: str | None, port: int | None = None) -> list[str]:
    """The names in the certificate that a client of direct TLS is shown when it asks for `name`."""
    port = port or running.server.listeners["c2s_tls"][0].port

    def shake() -> list[str]:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            return names_shown(running, sock, name)

    names: list[str] = gevent.get_hub().threadpool.apply(shake)
    return names


def names_shown(running: Running, sock: socket.socket, name: str | None) -> list[str]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata="\n".join(file.read_text() for file in running.folder.glob("*.crt")))
    with context.wrap_socket(sock, server_hostname=name) as tls:
        return [found for _, found in tls.getpeercert()["subjectAltName"]]


def own(folder: Path, domain: str, *names: str) -> str:
    """Makes a certificate; returns the option that gives it to the domain."""
    self_signed(folder / f"{domain}.crt", folder / f"{domain}.key", names or (domain,))
    return f'hosts."{domain}"={{certificate="{folder}/{domain}.crt", key="{folder}/{domain}.key"}}'


def test_each_domain_shows_its_own_certificate_and_the_others_the_default(start: Start, tmp_path: Path) -> None:
    running = start('listen.c2s_tls=["127.0.0.1:0"]', own(tmp_path, "a.example"), 'hosts."b.example"={}')
    assert certificate_shown(running, "a.example") == ["a.example"]
    assert certificate_shown(running, "b.example") == ["localhost", "a.example", "b.example"]
    assert certificate_shown(running, None) == ["localhost", "a.example", "b.example"]


def test_a_client_of_starttls_that_names_no_server_is_shown_the_certificate_of_its_streams_domain(
    start: Start, tmp_path: Path
) -> None:
    running = start(own(tmp_path, "a.example"), own(tmp_path, "localhost"))
    port = running.server.listeners["c2s"][0].port
    header = f"<stream:stream to='{{}}' version='1.0' xmlns='jabber:client' xmlns:stream='{STREAM}'>"

    def shake(domain: str) -> list[str]:
        with socket.create_connection(("127.0.0.1", port)) as sock:
            sock.sendall(header.format(domain).encode() + b"<starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>")
            heard = b""
            while b"<proceed " not in heard:
                heard += sock.recv(1)
            while not heard.endswith(b">"):
                heard += sock.recv(1)
            return names_shown(running, sock, None)

    for domain in ("a.example", "localhost"):
        assert gevent.get_hub().threadpool.apply(shake, (domain,)) == [domain]


def test_where_every_domain_has_its_own_certificate_none_is_made(start: Start, tmp_path: Path) -> None:
    running = start('listen.c2s_tls=["127.0.0.1:0"]', own(tmp_path, "localhost"), own(tmp_path, "b.example"))
    assert certificate_shown(running, None) == ["localhost"]
    assert not (tmp_path / "self-signed.crt").exists()


def test_the_self_signed_certificate_is_made_anew_for_a_domain_that_it_lacks(start: Start) -> None:
    running = start('listen.c2s_tls=["127.0.0.1:0"]')
    assert certificate_shown(running, None) == ["localhost"]
    lines = running.reload('listen.c2s_tls=["127.0.0.1:0"]', 'hosts."b.example"={}')
    assert lines[0] == 'hosts."b.example" added'
    assert [line.partition(",")[0] for line in lines[1:]] == [
        "certificate of localhost: another one",
        "certificate of b.example: another one",
    ]
    assert certificate_shown(running, "b.example") == ["localhost", "b.example"]


def test_a_certificate_that_does_not_name_its_domain_is_warned_of(
    start: Start, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    start(own(tmp_path, "a.example", "other.example"))
    assert "the certificate shown for a.example names other domains: other.example" in caplog.text


def test_a_renewed_certificate_is_shown_after_a_reload_and_sessions_stay(start: Start, tmp_path: Path) -> None:
    given = own(tmp_path, "a.example"), 'listen.c2s_tls=["127.0.0.1:0"]'
    running = start(*given)
    romeo = running.connect("romeo")
    own(tmp_path, "a.example", "a.example", "www.a.example")
    (line,) = running.reload(*given)
    assert line.startswith("certificate of a.example: another one, good until ")
    assert certificate_shown(running, "a.example") == ["a.example", "www.a.example"]
    assert not romeo.wire.closed


def test_with_nothing_new_nothing_changes(start: Start) -> None:
    running = start()
    romeo = running.connect("romeo")
    listener = running.server.listeners["c2s"][0]
    assert running.reload() == []
    assert running.server.listeners["c2s"] == [listener]
    assert romeo.asks("get", "<ping xmlns='urn:xmpp:ping'/>", to="localhost").get("type") == "result"


def test_a_domain_that_is_added_is_served(start: Start) -> None:
    running = start()
    assert running.stranger().opens("b.example").hears_the_end() == "host-unknown"
    assert 'hosts."b.example" added' in running.reload('hosts."b.example"={}')
    stranger = running.stranger().opens("b.example")
    assert "mechanisms" in stranger.raw


def test_sessions_of_a_removed_domain_are_told_that_it_is_gone_and_others_stay(start: Start) -> None:
    running = start('hosts."b.example"={}')
    romeo, opening, silent = running.connect("romeo"), running.stranger().opens("b.example"), running.stranger()
    assert 'hosts."b.example" removed' in running.reload()
    assert opening.hears_the_end() == "host-gone"
    assert not romeo.wire.closed
    assert not silent.wire.closed
    assert running.stranger().opens("b.example").hears_the_end() == "host-unknown"


def test_what_is_sent_to_a_removed_domain_comes_back(start: Start) -> None:
    running = start('hosts."b.example"={}')
    romeo = running.connect("romeo")
    running.reload()
    answer = romeo.asks("get", "<ping xmlns='urn:xmpp:ping'/>", to="b.example")
    assert answer.get("type") == "error"
    assert "remote-server-not-found" in answer[-1][0].tag


def test_a_bound_session_of_a_removed_domain_ends_without_a_crash(
    start: Start, caplog: pytest.LogCaptureFixture
) -> None:
    running = start('hosts."b.example"={}')
    juliet = running.connect("juliet", "b.example")
    running.reload()
    assert juliet.hears_the_end() == "host-gone"
    assert not running.server.router.sessions
    assert [record for record in caplog.records if record.levelno >= logging.WARNING] == []


def test_users_of_a_removed_domain_leave_memory(start: Start) -> None:
    running = start('hosts."b.example"={}')
    running.connect("romeo")
    running.connect("juliet", "b.example")
    running.reload()
    for _ in range(3):
        running.clock.advance(DROWSE)
    assert running.server.router.awake == 1


def test_a_server_that_stops_is_not_reloaded(start: Start) -> None:
    running = start()
    running.server.stopping.set()
    with pytest.raises(CannotReload, match="the server is stopping"):
        running.reload("limits.roster=1")


def test_data_of_a_removed_domain_is_there_when_it_comes_back(start: Start) -> None:
    running = start('hosts."b.example"={}')
    running.connect("juliet", "b.example")
    running.reload()
    running.reload('hosts."b.example"={conflict="refuse"}')
    again = running.connect("juliet", "b.example")
    assert again.jid == "juliet@b.example/x"
    domain = running.server.router.domain("b.example")
    assert domain is not None
    assert domain.options.conflict == "refuse"


def test_options_of_a_domain_and_limits_change_at_once(start: Start) -> None:
    running = start()
    romeo = running.connect("romeo")
    running.reload('hosts.localhost={conflict="refuse"}', "limits.roster=1")
    for name, kind in (("a", "result"), ("b", "error")):
        query = f"<query xmlns='jabber:iq:roster'><item jid='{name}@localhost'/></query>"
        assert romeo.asks("set", query).get("type") == kind
    other = running.stranger().opens().logs_in("romeo")
    other.raw  # noqa: B018 - forgets what was heard
    other.says(
        "<iq type='set' id='1'><bind xmlns='urn:ietf:params:xml:ns:xmpp-bind'><resource>x</resource></bind></iq>"
    )
    assert "<conflict " in other.raw


def test_the_level_of_the_log_changes_at_once(start: Start) -> None:
    running = start()
    for level in ("error", "debug"):
        running.reload(f'log.level="{level}"')
        assert logging.getLogger("net.connection").getEffectiveLevel() == getattr(logging, level.upper())


def test_a_feature_is_switched_off_and_on(start: Start) -> None:
    running = start()
    romeo = running.connect("romeo")
    for sets, kind in ((('xeps.disabled=["ping"]',), "error"), ((), "result")):
        running.reload(*sets)
        assert romeo.asks("get", "<ping xmlns='urn:xmpp:ping'/>", to="localhost").get("type") == kind


def test_who_was_there_before_a_feature_was_switched_on_has_it_all_the_same(start: Start) -> None:
    running = start('xeps.disabled=["blocking"]')
    juliet, romeo = running.connect("juliet"), running.connect("romeo")
    blocked = running.server.storage.store("blocking", Map)
    blocked.put("juliet@localhost", "romeo@localhost", True)
    romeo.says("<message to='juliet@localhost/x' id='1'/>")
    running.reload()
    romeo.says("<message to='juliet@localhost/x' id='2'/>")
    assert [node.get("id") for node in juliet.hears()] == ["1"]
    assert failure(romeo.hears_one()) == ("cancel", "service-unavailable")


def test_a_listener_that_is_added_accepts_and_one_that_is_removed_does_not(start: Start) -> None:
    running = start()
    port = running.server.listeners["c2s"][0].port
    running.reload("listen.c2s=[]", 'listen.c2s_tls=["127.0.0.1:0"]')
    assert certificate_shown(running, None) == ["localhost"]
    with pytest.raises(ConnectionRefusedError):
        gevent.socket.create_connection(("127.0.0.1", port))


@pytest.mark.parametrize(
    ("sets", "reason"),
    [
        (('storage.url="sqlite:////tmp/other"',), "only a restart changes storage.url; nothing has been changed"),
        (("limits.rosters=1",), "did you mean"),
        (('tls={certificate="/missing", key="/missing"}',), "/missing: No such file"),
        (('listen.c2s=["127.0.0.1:0", "192.0.2.1:5222"]',), "listen.c2s: 192.0.2.1:5222: "),
    ],
)
def test_what_cannot_be_adopted_changes_nothing_and_is_told(start: Start, sets: tuple[str, ...], reason: str) -> None:
    running = start('hosts."b.example"={}')
    before, listeners = running.server.config, running.server.listeners
    with pytest.raises(CannotReload, match=reason):
        running.reload("limits.offline=7", 'hosts."c.example"={}', 'listen.c2s_tls=["127.0.0.1:0"]', *sets)
    assert running.server.config is before
    assert running.server.listeners == listeners
    assert [domain.name for domain in running.server.router.domains] == ["localhost", "b.example"]
    assert running.reload('hosts."b.example"={}') == []
