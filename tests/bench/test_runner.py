import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.bench.load import Load, Stuck
from tests.bench.measure import Row, Usage
from tests.bench.runner import Key, Results, measure
from tests.bench.scenarios import Run
from tests.bench.servers import Server
from tests.bench.servers.server import HOST, Certificate

ANSWER = """
import socket
with socket.create_server(("{host}", {port})) as listener:
    while True:
        with listener.accept()[0] as sock:
            sock.sendall(b"<")
"""


class Terse(Server):
    """Answers, and says no more."""

    name = "terse"

    def configure(self, *, archive: bool) -> None:
        """There is nothing to write."""

    def prepare(self) -> None:
        """There is nothing to do."""

    def command(self) -> list[str]:
        return [sys.executable, "-c", ANSWER.format(host=HOST, port=self.port)]


@dataclass(frozen=True)
class Size:
    users: int = 0

    def measure(self, load: Load, usage: Usage, seconds: float) -> Iterator[Row]:
        yield Row("", {"bytes": usage.resident()})


@dataclass(frozen=True)
class Hopeless:
    users: int = 0

    def measure(self, load: Load, usage: Usage, seconds: float) -> Iterator[Row]:
        raise Stuck("it is hopeless")


def test_all_is_measured_in_every_round_and_a_failure_ends_nothing(tmp_path):
    server = Terse(tmp_path, 0, Certificate(Path("none"), Path("none")))
    runs = {"hopeless": Run(Hopeless(), tls=False), "size": Run(Size(), tls=False)}
    results = Results()
    steps = list(measure([server], runs, 2, 0.1, results))
    assert steps == [f"round {number}: {name}, terse" for number in (1, 2) for name in ("hopeless", "size")]
    assert results.failures == [f"round {number}: hopeless, terse: it is hopeless" for number in (1, 2)]
    (sizes,) = results.figures.values()
    assert len(sizes["terse"]) == 2
    assert all(size > 1_000_000 for size in sizes["terse"])
    assert results.figures.keys() == {Key("size", "", "bytes")}
