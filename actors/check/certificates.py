"""Certificates: whether clients accept what they are shown."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

from actors.check.facts import Certificate
from actors.check.findings import Finding
from net.chain import Chain

# When too little is left, at most so long before the end; of a short-lived certificate, a part of its life.
SOON = timedelta(days=30), 3
URGENT = timedelta(days=14), 6

# What clients of today refuse, or may not know (RFC 9325 §4.2 and §4.3, CA/Browser Forum).
LEAST_BITS = {"RSA": 2048, "EC": 256}
WEAK_HASHES = ("md5", "sha1")


def judge(certificate: Certificate, now: datetime) -> Iterator[Finding]:
    """What is wrong with it, or that nothing is."""
    what = f"certificate of {certificate.domain}"
    if certificate.problem:
        yield Finding(what, "error", certificate.problem)
        return
    if not certificate.made:
        yield Finding(what, "warning", f"self-signed, made at the next start: {CLIENTS_ASK}")
        return
    chain = certificate.chain
    assert chain is not None
    complaints = [
        *_names(what, certificate),
        *_dates(what, certificate, chain, now),
        *_strength(what, certificate, chain),
        *_trust(what, certificate, chain),
    ]
    if certificate.exposed:
        text = f"{certificate.key}: everybody on this machine may read the key: chmod o= {certificate.key}"
        complaints.append(Finding(what, "warning", text))
    if certificate.stale:
        text = f"{certificate.file} has changed, and the server still shows the older one: parleyctl reload"
        complaints.append(Finding(what, "warning", text))
    if not complaints:
        days = (chain.not_after - now).days
        text = f"{certificate.file} ({certificate.kind}), {chain.key} {chain.bits}"
        yield Finding(what, "ok", f"{text}, good until {chain.not_after:%Y-%m-%d}, {days} days")
    yield from complaints


CLIENTS_ASK = "clients will warn of it or refuse it; name one from an authority in tls.certificate"


def _names(what: str, certificate: Certificate) -> Iterator[Finding]:
    if not certificate.covers:
        others = ", ".join(certificate.names) or "nothing"
        text = f"{certificate.file} names {others}: have one issued whose subjectAltName has {certificate.domain}"
        yield Finding(what, "error", text)


def _dates(what: str, certificate: Certificate, chain: Chain, now: datetime) -> Iterator[Finding]:
    left, life = chain.not_after - now, chain.not_after - chain.not_before
    until = f"{certificate.file} is good until {chain.not_after:%Y-%m-%d %H:%M} UTC"
    if left <= timedelta():
        yield Finding(what, "error", f"{certificate.file} has expired on {chain.not_after:%Y-%m-%d}: renew it, reload")
    elif now < chain.not_before:
        text = f"{certificate.file} is not good before {chain.not_before:%Y-%m-%d %H:%M} UTC: is the clock right?"
        yield Finding(what, "error", text)
    elif left < min(URGENT[0], life / URGENT[1]):
        yield Finding(what, "warning", f"{until}, {left.days} days: its renewal seems to have failed; renew it now")
    elif left < min(SOON[0], life / SOON[1]):
        yield Finding(what, "warning", f"{until}, {left.days} days: renew it")


def _strength(what: str, certificate: Certificate, chain: Chain) -> Iterator[Finding]:
    anew = "have one issued for a new key, EC P-256 or RSA 2048"
    if chain.key not in LEAST_BITS:
        text = f"{certificate.file} has a key that many clients do not know, {chain.key}: {anew}"
        yield Finding(what, "warning", text)
    elif chain.bits < LEAST_BITS[chain.key]:
        yield Finding(what, "error", f"{certificate.file} has a weak key, {chain.key} {chain.bits}: {anew}")
    if chain.signature in WEAK_HASHES:
        text = f"{certificate.file} is signed with {chain.signature.upper()}, which clients refuse: have it issued anew"
        yield Finding(what, "error", text)


def _trust(what: str, certificate: Certificate, chain: Chain) -> Iterator[Finding]:
    match chain.link:
        case "self-signed":
            yield Finding(what, "warning", f"{certificate.file} is self-signed: {CLIENTS_ASK}")
        case "private":
            text = f"{certificate.file} leads to an authority that this machine does not trust: do all clients know it?"
            yield Finding(what, "warning", text)
        case "broken":
            text = f"{certificate.file}: a certificate in it is not signed by the next: put them in order, own first"
            yield Finding(what, "error", text)
        case "unknown":
            text = (
                f"{certificate.file}: nobody whom this machine trusts has signed it:"
                " put the intermediate certificates into the file, behind its own"
            )
            yield Finding(what, "warning", text)
