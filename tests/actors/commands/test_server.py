import logging
import os

import pytest

from actors import logs
from actors.commands import CommandError
from actors.version import VERSION
from tests.actors.commands.doing import TWO_DOMAINS, do
from tests.world import World


def test_the_status_says_what_the_server_is_and_how_much_it_does() -> None:
    world = World("romeo", sets=TWO_DOMAINS)
    world.connect("romeo")
    world.clock.time += 90
    status = do(world, "status")
    assert status.pop("memory_bytes") > 1_000_000
    assert status == {
        "version": VERSION,
        "pid": os.getpid(),
        "started": "2027-01-15T08:00:00+00:00",
        "uptime_seconds": 90,
        "domains": ["localhost", "example.org"],
        "listeners": {"c2s": [], "c2s_tls": []},
        "sessions": 1,
        "users_awake": 1,
    }


def test_stop_only_says_that_the_server_is_to_stop() -> None:
    world = World("romeo")
    romeo = world.connect("romeo")
    do(world, "stop")
    assert world.server.stopping.is_set()
    assert not romeo.wire.closed


def test_the_level_of_the_log_is_changed() -> None:
    try:
        assert do(World(), "log", level="debug") == "what is logged is debug and above"
        assert logging.getLogger("actors.session").isEnabledFor(logging.DEBUG)
    finally:
        for name in logs.OURS:
            logging.getLogger(name).setLevel(logging.NOTSET)


@pytest.mark.parametrize("level", ["", "INFO", "all"])
def test_a_level_that_there_is_not_is_refused(level: str) -> None:
    with pytest.raises(CommandError, match="is none of debug, info, warning, error"):
        do(World(), "log", level=level)


def test_a_trace_of_a_domain_that_is_not_served_is_refused() -> None:
    with pytest.raises(CommandError, match="is not served here"):
        do(World(), "trace", jid="romeo@example.org")
