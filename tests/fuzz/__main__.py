"""python -m tests.fuzz TARGET [--seconds N] [--folder DIR] [FILE ...]: see docs/fuzzing.md."""

from __future__ import annotations

import argparse
import importlib.util
import re
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from random import Random

from tests.fuzz.findings import Findings
from tests.fuzz.mutate import MOST, mutated
from tests.fuzz.targets import NAMES, Target, load
from tests.fuzz.words import PROJECT, words

# An input that takes longer than this (seconds) is a finding too.
PATIENCE = 10


def main(arguments: list[str]) -> int:
    """Returns 1 if anything was found."""
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description="Feeds a target with odd inputs.")
    parser.add_argument("target", choices=NAMES)
    parser.add_argument("files", nargs="*", type=Path, metavar="FILE", help="try these inputs and nothing else")
    parser.add_argument("--seconds", type=int, default=60, help="how long (default: %(default)s)")
    folder = Path(tempfile.gettempdir(), "parley-fuzz")
    parser.add_argument("--folder", type=Path, default=folder, help="keeps corpus and findings (default: %(default)s)")
    given = parser.parse_args(arguments)
    target = load(given.target)
    if given.files:
        for file in given.files:
            target.attempt(file.read_bytes())
        return 0
    found = given.folder / "found"
    before = {*found.glob("*")}
    start = time.monotonic()
    if importlib.util.find_spec("atheris") is None:
        print("atheris is not installed: inputs are made at random, without coverage to go by", flush=True)
        count = blind(target, given.seconds, found)
    else:
        count = guided(target, given.seconds, given.folder, found)
    inputs = [str(path) for path in sorted({*found.glob("*")} - before) if path.suffix != ".txt"]
    took = time.monotonic() - start
    print(f"{target.name}: {count} inputs in {took:.0f} s, {len(inputs)} findings", *inputs, sep="\n  ")
    return bool(inputs)


def blind(target: Target, seconds: float, found: Path) -> int:
    """Tries mutated seeds. Returns how many."""
    findings, random = Findings(target, found), Random()
    end = time.monotonic() + seconds
    count = 0
    while time.monotonic() < end:
        findings.attempt(mutated(random, target.seeds, words()))
        count += 1
    return count


def guided(target: Target, seconds: int, folder: Path, found: Path) -> int:
    """Lets atheris try, in a process of its own: one that crashes is a finding. Returns how many inputs."""
    corpus = folder / "corpus" / target.name
    for place in (corpus, found):
        place.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (corpus / f"seed-{number}").write_bytes(seed)
    dictionary = folder / "words"
    dictionary.write_text("".join(f'"{_quoted(word)}"\n' for word in words()), "ascii")
    options = (
        f"-max_total_time={seconds}",
        f"-max_len={MOST}",
        f"-timeout={PATIENCE}",
        f"-dict={dictionary}",
        f"-artifact_prefix={found}/{target.name}-",
        "-print_final_stats=1",
        str(corpus),
    )
    command = [sys.executable, "-m", "tests.fuzz.guided", target.name, str(found), *options]
    log = folder / f"{target.name}.log"
    with log.open("wb") as out:
        try:
            # One that has crashed may hang on its way out.
            run = subprocess.run(
                command, cwd=PROJECT, stdout=out, stderr=out, check=False, timeout=seconds + 6 * PATIENCE
            )
            status = run.returncode
        except subprocess.TimeoutExpired:
            status = -1
    text = log.read_text(errors="replace")
    if status:
        print(f"the fuzzer has ended with status {status}: see {log}")
    return int(max(re.findall(r"^#(\d+)\t", text, re.MULTILINE), key=int, default=0))


def _quoted(word: bytes) -> str:
    return word.decode().replace("\\", "\\\\").replace('"', '\\"')


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
