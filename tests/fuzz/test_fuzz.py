from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz.__main__ import blind, main
from tests.fuzz.findings import Findings
from tests.fuzz.mutate import mutated
from tests.fuzz.targets import NAMES, Target, load
from tests.fuzz.words import words

# Some targets hold whole conversations with a server for each input.
EXAMPLES = {"logins": 80, "requests": 60}


@pytest.mark.parametrize("name", NAMES)
def test_any_bytes_are_accepted_or_blamed_on_the_peer(name: str) -> None:
    target = load(name)
    for seed in target.seeds:
        target.attempt(seed)

    @settings(
        max_examples=EXAMPLES.get(name, 200),
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=[HealthCheck.too_slow],
    )
    @given(st.binary(max_size=60) | st.builds(mutated, st.randoms(), st.just(target.seeds), st.just(words())))
    def any_bytes(data: bytes) -> None:
        target.attempt(data)

    any_bytes()


# -- what runs them


def refuse(data: bytes) -> None:
    """A target with two places at which it breaks."""
    if b"!" in data:
        raise AssertionError(data)
    if b"?" in data:
        raise ValueError(data)


def kept(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.glob("*") if path.suffix != ".txt"]


def test_what_breaks_an_invariant_is_kept_once_for_each_place(tmp_path: Path) -> None:
    findings = Findings(Target("refuse", refuse, ()), tmp_path)
    for data in (b"good", b"a!", b"b!", b"c?"):
        findings.attempt(data)
    assert sorted(kept(tmp_path)) == [b"a!", b"c?"]
    (report,) = (path.read_text() for path in tmp_path.glob("*.txt") if "ValueError" in path.read_text())
    assert "b'c?'" in report


def test_inputs_made_at_random_reach_a_target_and_are_counted(tmp_path: Path) -> None:
    assert blind(Target("refuse", refuse, (b"!!!!", b"????")), 0.2, tmp_path) > 10
    assert len(kept(tmp_path)) == 2


@pytest.mark.skipif(importlib.util.find_spec("atheris") is None, reason="atheris has no wheel for this platform")
def test_a_run_with_atheris_says_how_many_inputs_and_what_it_found(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["forms", "--seconds", "1", "--folder", str(tmp_path)]) == 0
    name, count, *said = capsys.readouterr().out.split()
    assert name == "forms:"
    assert int(count) > len(load("forms").seeds)
    assert said[-2:] == ["0", "findings"]
    assert len([*(tmp_path / "corpus" / "forms").iterdir()]) > len(load("forms").seeds)


def test_an_input_that_was_found_can_be_tried_again(tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(b"juliet@localhost")
    assert main(["addresses", str(tmp_path / "input")]) == 0


def test_the_words_are_those_of_the_protocol() -> None:
    for word in (b"jabber:iq:roster", b"sessionid", b"SCRAM-SHA-1", b"subscribed", b"reason"):
        assert word in words()
