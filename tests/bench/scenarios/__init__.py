"""Every scenario by name. Each is measured over plain TCP and, as NAME-tls, over TLS."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol

from tests.bench.load import Load
from tests.bench.measure import Row, Usage
from tests.bench.scenarios.chat import Chat
from tests.bench.scenarios.growth import Growth
from tests.bench.scenarios.history import History
from tests.bench.scenarios.idle import Idle
from tests.bench.scenarios.login import Login
from tests.bench.scenarios.presence import Presence
from tests.bench.scenarios.storm import Storm


class Scenario(Protocol):
    """A load, and what to look at meanwhile."""

    @property
    def users(self) -> int:
        """How many accounts it takes."""

    def measure(self, load: Load, usage: Usage, seconds: float) -> Iterator[Row]:
        """Loads a server that has just been started; what takes as long as one likes takes `seconds`. Raises Stuck."""


class Run(NamedTuple):
    """A scenario, whether the clients speak TLS, and whether the servers keep all messages.

    `kept`: how many messages there are in the archives of which users before it begins.
    """

    scenario: Scenario
    tls: bool = False
    archive: bool = False
    kept: Mapping[int, int] = {}


# In the order in which they are shown. What Parley cannot do yet has no line here.
BOTH: dict[str, Scenario] = {
    "chat-1x1": Chat(pairs=1, window=1),
    "chat-50x10": Chat(pairs=50, window=10),
    "chat-500x2": Chat(pairs=500, window=2),
    "presence": Presence(groups=20),
    "login": Login(users=1_000, at_once=50),
    "idle": Idle(levels=(1_000, 5_000, 10_000)),
    "storm": Storm(users=2_000),
}
# Of users that write nothing in what else is measured with archives.
ARCHIVES = {1_000: 1_000, 1_001: 1_000_000}
# With TLS these would say nothing new.
PLAIN: dict[str, Run] = {
    "growth": Run(Growth(Chat(pairs=50, window=10), levels=(0, 1_000, 10_000))),
    "archive-50x10": Run(Chat(pairs=50, window=10), archive=True),
    "archive-500x2": Run(Chat(pairs=500, window=2), archive=True),
    "history": Run(History(ARCHIVES), archive=True, kept=ARCHIVES),
}

RUNS = {f"{name}{'-tls' * tls}": Run(scenario, tls) for name, scenario in BOTH.items() for tls in (False, True)}
RUNS |= PLAIN
