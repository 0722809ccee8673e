"""DNS: whether clients find the domain (RFC 6120 §3.2, XEP-0368), and the records that there should be."""

from __future__ import annotations

from collections.abc import Iterator

from actors.check.facts import Records
from actors.check.findings import Finding

# The services, by the option that says where they are listened for.
SERVICES = {"c2s": "_xmpp-client._tcp", "c2s_tls": "_xmpps-client._tcp"}
CLIENT, DIRECT = SERVICES["c2s"], SERVICES["c2s_tls"]

# Where clients look if DNS names no service (RFC 6120 §3.2.2).
FALLBACK = 5222

SECONDS_TO_LIVE = 3600


def judge(records: Records) -> Iterator[Finding]:
    """What DNS says now, against what the server does."""
    what = f"DNS of {records.domain}"
    if not records.public:
        yield Finding(what, "ok", "not looked for in DNS")
    elif records.problem:
        yield Finding(what, "warning", f"could not ask: {records.problem}; see below for what there should be")
    else:
        for service in SERVICES.values():
            yield from _judge_service(f"DNS {service}.{records.domain}", records, service)


def _judge_service(what: str, records: Records, service: str) -> Iterator[Finding]:
    ports, found = records.ports[service], records.services[service]
    leading = [each for each in found if each.target]
    if not ports:
        if leading:
            text = f"leads to {_ends(records, service)}, but the server does not listen for that: take it out"
            yield Finding(what, "error", text)
    elif not found:
        yield _missing(what, records, service)
    elif not leading:
        yield Finding(what, "error", "says that there is no such service: replace it by the line below")
    elif lost := [each.target for each in leading if not records.addresses[each.target]]:
        yield Finding(what, "error", f"leads to {', '.join(lost)}, which has no address: give it A and AAAA records")
    elif astray := [str(each.port) for each in leading if each.port not in ports]:
        text = f"leads to port {', '.join(astray)}, where the server does not listen: right only if it is forwarded"
        yield Finding(what, "warning", text)
    else:
        yield Finding(what, "ok", f"leads to {_ends(records, service)}")


def _missing(what: str, records: Records, service: str) -> Finding:
    addresses = records.addresses[records.domain]
    if service == DIRECT:
        return Finding(what, "warning", "missing: clients do not learn that they may begin with TLS (XEP-0368)")
    if not addresses:
        return Finding(what, "error", f"missing, and {records.domain} has no address: no client finds the server")
    if FALLBACK not in records.ports[service]:
        text = f"missing: clients try {records.domain} port {FALLBACK}, where the server does not listen"
        return Finding(what, "error", text)
    text = f"missing: clients try {records.domain} itself ({', '.join(addresses)}), which is right only by chance"
    return Finding(what, "warning", text)


def _ends(records: Records, service: str) -> str:
    return ", ".join(
        f"{each.target} port {each.port} ({', '.join(records.addresses[each.target]) or 'no address'})"
        for each in records.services[service]
        if each.target
    )


def zone(records: Records) -> list[str]:
    """The lines that the domain's zone file should have. A host that DNS names already keeps its place in them."""
    if not records.public:
        return []
    named = [each.target for found in records.services.values() for each in found if each.target]
    host = named[0] if named else records.domain
    lines = [
        f"{service}.{records.domain}. {SECONDS_TO_LIVE} IN SRV 0 5 {port} {host}."
        for service in SERVICES.values()
        for port in records.ports[service]
    ]
    if not records.ports[CLIENT]:
        # RFC 2782: "not here", lest clients try the fallback.
        lines.insert(0, f"{CLIENT}.{records.domain}. {SECONDS_TO_LIVE} IN SRV 0 0 0 .")
    now = records.addresses.get(host, ())
    found = f"; {host}. has to have the addresses of this server; in DNS now: {', '.join(now) or 'none'}"
    asked = f"; {host}. has to have A and AAAA records with the addresses of this server"
    return [*lines, asked if records.problem else found]
