import io

from rich.console import Console

from tests.bench import report
from tests.bench.measure import LOAD_CPU, Row
from tests.bench.runner import Results


def results() -> Results:
    results = Results()
    for speed in (100.0, 300.0, 200.0):
        results.add("chat", "parley", [Row("", {"messages/s": speed, LOAD_CPU: 10.0})])
    results.add("chat", "prosody", [Row("", {"messages/s": 50.0, LOAD_CPU: 5.0})])
    results.add("idle", "prosody", [Row("5 clients", {"kB/client": 1234.5})])
    return results


def document() -> dict:
    return report.document(results(), ["parley", "prosody"], rounds=3, seconds=1.0)


def test_medians_are_set_against_those_of_the_first_server():
    row = document()["rows"][0]
    assert row["medians"] == {"parley": 200.0, "prosody": 50.0}
    assert row["ratios"] == {"parley": 1.0, "prosody": 0.25}
    assert row["rounds"]["parley"] == [100.0, 300.0, 200.0]


def test_how_busy_the_load_was_is_not_set_against_anything():
    assert document()["rows"][1]["ratios"] == {}


def test_a_figure_that_the_first_server_has_not_reached_has_no_ratio():
    row = document()["rows"][2]
    assert (row["scenario"], row["part"], row["figure"]) == ("idle", "5 clients", "kB/client")
    assert row["medians"] == {"prosody": 1234.5}
    assert row["ratios"] == {}


def test_the_table_has_a_line_for_each_figure():
    out = io.StringIO()
    Console(file=out, width=200).print(report.table(document()))
    lines = [line.split() for line in out.getvalue().splitlines()]
    assert lines[lines.index(["chat"]) + 1] == ["messages/s", "200", "50.0", "0.25"]
    assert lines[lines.index(["idle", "5", "clients"]) + 1] == ["kB/client", "-", "1,234"]
