from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from actors.check.certificates import judge
from actors.check.facts import Certificate
from net.chain import Chain

NOW = datetime(2027, 1, 15, tzinfo=UTC)
FILE, KEY = Path("/etc/parley/it.pem"), Path("/etc/parley/it.key")


def chain(*, left: float = 60, life: float = 90, key: str = "EC", bits: int = 256, **others: Any) -> Chain:
    """One with so many days left, of so many."""
    end = NOW + timedelta(days=left)
    told = {"signature": "sha256", "link": "complete", **others}
    return Chain(end - timedelta(days=life), end, key, bits, **told)


def judged(found: Chain | None, **others: Any) -> list[tuple[str, str]]:
    told = {"names": ("example.org",), "covers": True, **others}
    certificate = Certificate("example.org", "own", FILE, KEY, chain=found, **told)
    findings = list(judge(certificate, NOW))
    assert {finding.what for finding in findings} == {"certificate of example.org"}
    return [(finding.state, finding.text) for finding in findings]


def only(found: Chain | None, **others: Any) -> tuple[str, str]:
    (finding,) = judged(found, **others)
    return finding


def test_a_good_certificate_is_well() -> None:
    assert only(chain()) == ("ok", "/etc/parley/it.pem (own), EC 256, good until 2027-03-16, 60 days")


def test_a_certificate_that_cannot_be_used_is_an_error_in_its_own_words() -> None:
    assert only(None, problem="it.key: not the key of it.pem") == ("error", "it.key: not the key of it.pem")


def test_a_certificate_that_is_yet_to_be_made_is_a_warning() -> None:
    state, text = only(None, made=False)
    assert state == "warning"
    assert text.startswith("self-signed, made at the next start: clients will warn")


@pytest.mark.parametrize(
    ("names", "told"), [(("example.net", "*.example.net"), "example.net, *.example.net"), ((), "nothing")]
)
def test_a_certificate_for_others_is_an_error(names: tuple[str, ...], told: str) -> None:
    state, text = only(chain(), names=names, covers=False)
    assert state == "error"
    assert text == f"/etc/parley/it.pem names {told}: have one issued whose subjectAltName has example.org"


@pytest.mark.parametrize(
    ("left", "life", "state", "told"),
    [
        (31, 365, "ok", "31 days"),
        (29, 365, "warning", "29 days: renew it"),
        (14, 365, "warning", "14 days: renew it"),
        (13, 365, "warning", "13 days: its renewal seems to have failed"),
        (0.5, 365, "warning", "0 days: its renewal seems to have failed"),
        (3, 6, "ok", "3 days"),
        (1.5, 6, "warning", "1 days: renew it"),
        (0, 365, "error", "has expired on 2027-01-15"),
        (-5, 365, "error", "has expired on 2027-01-10: renew it, reload"),
        (90, 89, "error", "is not good before 2027-01-16 00:00 UTC"),
    ],
)
def test_the_days_that_are_left_are_judged_by_its_life(left: float, life: float, state: str, told: str) -> None:
    found, text = only(chain(left=left, life=life))
    assert found == state
    assert told in text


@pytest.mark.parametrize(
    ("key", "bits", "state"),
    [
        ("RSA", 2048, "ok"),
        ("RSA", 1024, "error"),
        ("EC", 256, "ok"),
        ("EC", 192, "error"),
        ("Ed25519", 0, "warning"),
        ("DSA", 2048, "warning"),
    ],
)
def test_a_key_has_to_be_strong_and_known(key: str, bits: int, state: str) -> None:
    assert only(chain(key=key, bits=bits))[0] == state


@pytest.mark.parametrize(
    ("signature", "state"), [("sha256", "ok"), ("sha512", "ok"), ("", "ok"), ("sha1", "error"), ("md5", "error")]
)
def test_a_signature_has_to_be_strong(signature: str, state: str) -> None:
    assert only(chain(signature=signature))[0] == state


@pytest.mark.parametrize(
    ("link", "state", "told"),
    [
        ("self-signed", "warning", "is self-signed"),
        ("unknown", "warning", "put the intermediate certificates into the file"),
        ("private", "warning", "do all clients know it?"),
        ("broken", "error", "put them in order"),
    ],
)
def test_a_chain_has_to_lead_to_an_authority(link: str, state: str, told: str) -> None:
    found, text = only(chain(link=link))
    assert found == state
    assert told in text


def test_a_key_that_everybody_may_read_is_a_warning() -> None:
    assert only(chain(), exposed=True) == (
        "warning",
        "/etc/parley/it.key: everybody on this machine may read the key: chmod o= /etc/parley/it.key",
    )


def test_a_renewed_certificate_that_is_not_shown_yet_is_a_warning() -> None:
    state, text = only(chain(), stale=True)
    assert state == "warning"
    assert text.endswith("still shows the older one: parleyctl reload")


def test_all_that_is_wrong_is_told() -> None:
    states = [state for state, _ in judged(chain(left=-1, bits=1, link="broken"), covers=False, exposed=True)]
    assert states == ["error", "error", "error", "error", "warning"]
