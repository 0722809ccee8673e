from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import gevent
import pytest

from actors.commands import COMMANDS, run
from actors.config import Config
from actors.server import Server, configure
from net.tls import self_signed
from tests.actors.commands.doing import TWO_DOMAINS, do
from tests.world import World


def test_domains_are_listed_with_what_is_in_them() -> None:
    world = World("romeo", "juliet", sets=(*TWO_DOMAINS, 'hosts."example.org".registration=true'))
    world.connect("romeo", "orchard")
    world.connect("romeo", "tomb")
    world.wire().opens("example.org")
    nothing = {"certificate": None, "good_until": None, "search": False, "anonymous": False}
    rows = do(world, "host list")
    assert tuple(rows[0]) == COMMANDS["host list"].columns
    assert rows == [
        {"domain": "localhost", "served": True, "accounts": 2, "sessions": 2, "registration": False, **nothing},
        {"domain": "example.org", "served": True, "accounts": 0, "sessions": 0, "registration": True, **nothing},
    ]


class Reloaded:
    """A started server whose configuration is another at each reload."""

    def __init__(self, folder: Path, *sets: str) -> None:
        self.sets = sets
        self.base = (f'data_dir="{folder}"', 'storage.url="memory:"', "listen.c2s=[]", "listen.c2s_tls=[]")
        self.server = Server(self.written(), reread=self.written)
        self.server.start()

    def written(self) -> Config:
        return configure(None, [*self.base, *self.sets])

    def rows(self) -> dict[str, tuple[bool, str | None, str | None]]:
        listed = run(self.server, {"command": "host list"})
        return {row["domain"]: (row["served"], row["certificate"], row["good_until"]) for row in listed}


@pytest.fixture
def reloaded(tmp_path: Path) -> Iterator[Reloaded]:
    self_signed(tmp_path / "own.crt", tmp_path / "own.key", ["a.example"])
    own = f'hosts."a.example"={{certificate="{tmp_path}/own.crt", key="{tmp_path}/own.key"}}'
    with gevent.Timeout(20):
        found = Reloaded(tmp_path, own, 'hosts."b.example"={}')
        yield found
        found.server.stop()


def test_the_certificates_that_are_shown_are_listed(reloaded: Reloaded) -> None:
    until = f"{datetime.now(UTC) + timedelta(days=3652):%Y-%m-%d}"
    assert reloaded.rows() == {"a.example": (True, "own", until), "b.example": (True, "self-signed", until)}


def test_a_domain_that_is_served_no_more_is_listed_as_such(reloaded: Reloaded) -> None:
    reloaded.sets = reloaded.sets[:1]
    reloaded.server.reload()
    assert reloaded.rows()["b.example"] == (False, None, None)
    reloaded.sets = (*reloaded.sets, 'hosts."b.example"={}')
    reloaded.server.reload()
    assert reloaded.rows()["b.example"][:2] == (True, "self-signed")
