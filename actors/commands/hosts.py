"""Domains: which are served, and how."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from actors import certificates
from actors.commands.declaration import command
from actors.commands.sessions import session_list

if TYPE_CHECKING:
    from actors.server import Server


@command(
    "host list",
    columns=(
        "domain",
        "served",
        "accounts",
        "sessions",
        "certificate",
        "good_until",
        "registration",
        "search",
        "anonymous",
    ),
)
def host_list(server: Server) -> list[dict[str, Any]]:
    """List the domains: those that are served, and those that a reload has put out of service.

    The certificate is the domain's own, the default of [tls], or self-signed.
    """
    sessions = Counter(row["full_jid"].domain for row in session_list(server, None) if row["full_jid"] is not None)
    served, former = list(server.router.domains), list(server.router.formers)
    return [
        {
            "domain": domain.name,
            "served": domain in served,
            "accounts": domain.accounts.count(),
            "sessions": sessions[domain.name],
            **_certificate(server, domain.name),
            "registration": domain.options.registration,
            "search": domain.options.search,
            "anonymous": domain.options.anonymous,
        }
        for domain in (*served, *former)
    ]


def _certificate(server: Server, domain: str) -> dict[str, str | None]:
    """The one that is shown for the domain; none for a domain that is not served."""
    if server.identities is None or domain not in server.config.hosts:
        return {"certificate": None, "good_until": None}
    shown = server.identities.named(domain) or server.identities.default
    return {
        "certificate": certificates.source(server.config, domain).kind,
        "good_until": f"{shown.not_after:%Y-%m-%d}",
    }
