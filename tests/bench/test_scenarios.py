"""Each scenario in a small form, against a server that runs: it comes to its end, and its figures are possible."""

import math
import sqlite3
from contextlib import closing

import pytest

from tests.bench.measure import Row
from tests.bench.runner import load, once
from tests.bench.scenarios import RUNS, Run, Scenario
from tests.bench.scenarios.chat import Chat
from tests.bench.scenarios.growth import Growth
from tests.bench.scenarios.history import History
from tests.bench.scenarios.idle import Idle
from tests.bench.scenarios.login import Login
from tests.bench.scenarios.presence import Presence
from tests.bench.scenarios.storm import Storm
from tests.bench.servers import SERVERS, Server, prepare
from tests.bench.servers.server import HOST
from tests.bench.users import GROUP
from tests.peers import REQUIRED

USERS = 2 * GROUP

SMALL: dict[type, Scenario] = {
    Chat: Chat(pairs=3, window=4),
    Presence: Presence(groups=2),
    Login: Login(users=USERS, at_once=10),
    Idle: Idle(levels=(2, GROUP)),
    Storm: Storm(users=USERS),
    Growth: Growth(Chat(pairs=2, window=2), levels=(0, GROUP)),
}
PARTS = {Idle: ["2 clients", f"{GROUP} clients"], Growth: ["0 idle", f"{GROUP} idle"]}
KINDS = {(type(run.scenario), run.tls) for run in RUNS.values() if not run.kept}
BY_NAME = sorted(
    ((kind, "tls" if tls else "plain") for kind, tls in KINDS), key=lambda each: (each[0].__name__, each[1])
)


def measured(server: Server, kind: type, wire: str) -> list[Row]:
    tls = wire == "tls"
    return load(Run(SMALL[kind], tls), (HOST, server.tls_port if tls else server.port), server.pid, 0.3)


@pytest.mark.parametrize(("kind", "wire"), BY_NAME)
def test_a_scenario_comes_to_its_end_with_figures_that_can_be(parley, kind, wire):
    rows = measured(parley, kind, wire)
    assert [row.part for row in rows] == PARTS.get(kind, [""])
    for _, values in rows:
        assert all(math.isfinite(value) for value in values.values())
        assert all(value > 0 for figure, value in values.items() if figure.endswith(("s/s", "ms", "MB", "back")))
        assert values.get("p50 ms", 0) <= values.get("p99 ms", 0)


@pytest.fixture(scope="module", params=[name for name in SERVERS if name != "parley"])
def peer(request, tmp_path_factory):
    missing = SERVERS[request.param].missing()
    if missing and not REQUIRED:
        pytest.skip(missing)
    assert not missing
    with prepare(request.param, tmp_path_factory.mktemp("bench"), USERS) as server:
        yield server


@pytest.mark.parametrize(("kind", "wire"), [(Chat, "plain"), (Presence, "tls"), (Login, "tls")])
def test_other_servers_bear_the_same_load(peer, kind, wire):
    ((_, values),) = measured(peer, kind, wire)
    assert next(iter(values.values())) > 0


def test_pages_of_archives_that_were_there_before_are_looked_at(tmp_path):
    server = prepare("parley", tmp_path, USERS)
    archives = {3: 1_000, 8: 1_060}
    rows = once(server, Run(History(archives), archive=True, kept=archives), 0.3)
    assert [row.part for row in rows] == [
        f"{count} messages, {which}"
        for count in ("1,000", "1,060")
        for which in ("the newest", "the first of one contact")
    ]
    for _, values in rows:
        assert 0 < values["p50 ms"] <= values["p99 ms"]
        assert values["first ms"] > 0
    server.remember(archives)  # a second round does not fill them again
    with closing(sqlite3.connect(server.folder / "data" / "parley.sqlite")) as database:
        assert database.execute("SELECT count(*) FROM entry GROUP BY archive").fetchall() == [(1_000,), (1_060,)]


@pytest.mark.parametrize("archive", [True, False])
def test_what_is_said_is_kept_where_that_is_measured_and_nowhere_else(tmp_path, archive):
    server = prepare("parley", tmp_path, USERS)
    once(server, Run(SMALL[Chat], archive=archive), 0.3)
    with closing(sqlite3.connect(server.folder / "data" / "parley.sqlite")) as database:
        ((kept,),) = database.execute("SELECT count(*) FROM entry")
    assert (kept > 0) is archive
