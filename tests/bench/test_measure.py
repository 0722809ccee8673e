import os
import subprocess
import sys

import pytest

from tests.bench import proc
from tests.bench.measure import Took, percentile

# Has a child that takes memory and CPU time, then says so and waits.
FAMILY = """
import subprocess, sys
child = "import time; data = b'x' * 50_000_000\\nwhile time.process_time() < 0.3: pass\\nprint(flush=True); input()"
sys.exit(subprocess.run([sys.executable, "-c", child]).returncode)
"""


def test_the_processes_below_a_process_count_too():
    with subprocess.Popen([sys.executable, "-c", FAMILY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        process.stdout.readline()
        assert proc.cpu(process.pid) >= 0.29
        assert proc.resident(process.pid) > 50_000_000
        process.communicate(b"\n")


def test_others_do_not_count():
    with subprocess.Popen(["sleep", "60"]) as process:
        assert 0 < proc.resident(process.pid) < proc.resident(os.getpid())
        process.kill()


@pytest.mark.parametrize(("part", "value"), [(0.5, 1.0), (0.9, 2.0), (0.95, 5.0), (1.0, 5.0)])
def test_a_percentile_is_the_least_value_that_so_many_are_not_above(part, value):
    assert percentile([(1.0, 5), (2.0, 4), (5.0, 1)], part) == value


def test_there_is_no_percentile_of_nothing():
    with pytest.raises(ValueError, match="of nothing"):
        percentile([], 0.5)


def test_figures_are_by_the_second_and_by_the_piece():
    assert Took(seconds=2.0, cpu=1.0, load_cpu=0.5).each("message", 1000) == {
        "messages/s": 500.0,
        "µs CPU/message": 1000.0,
        "% CPU of load": 25.0,
    }
