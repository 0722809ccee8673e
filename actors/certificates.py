"""Which certificate is shown for each domain: its own, the server's, or one that the server made for itself."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Literal, NamedTuple

from actors.config import Config
from net.tls import Identities, Identity, TLSError, self_signed

log = logging.getLogger(__name__)


class Source(NamedTuple):
    """Where the certificate shown for a domain comes from: its own table, `[tls]`, or the server itself."""

    kind: Literal["own", "default", "self-signed"]
    certificate: Path
    key: Path


def source(config: Config, domain: str) -> Source:
    """The files of the certificate that this configuration has for a domain in it."""
    options, tls = config.hosts[domain], config.tls
    if options.certificate is not None and options.key is not None:
        return Source("own", options.certificate, options.key)
    if tls.certificate is not None and tls.key is not None:
        return Source("default", tls.certificate, tls.key)
    return Source("self-signed", config.data_dir / "self-signed.crt", config.data_dir / "self-signed.key")


def load(config: Config) -> tuple[Identity, dict[str, Identity]]:
    """The default identity and those of the domains that have their own, as the files are now. Raises TLSError.

    With no certificate for all (`tls.certificate`) the default is a self-signed one in the data folder, which names
    every domain and is made anew when it lacks one; or, when no domain needs it, that of the first domain.
    """
    sources = {name: source(config, name) for name in config.hosts}
    own = {name: _identity(found, config) for name, found in sources.items() if found.kind == "own"}
    if config.tls.certificate is not None and config.tls.key is not None:
        default = _identity(Source("default", config.tls.certificate, config.tls.key), config)
    elif len(own) == len(config.hosts):
        default = next(iter(own.values()))
    else:
        default = _self_signed(next(found for found in sources.values() if found.kind == "self-signed"), config)
    _warn(config, Identities(default, own))
    return default, own


def _identity(found: Source, config: Config) -> Identity:
    minimum, authorities = config.tls.minimum, config.tls.client_certificates
    return Identity.load(found.certificate, found.key, minimum=minimum, authorities=authorities)


def _self_signed(made: Source, config: Config) -> Identity:
    found = _usable(made, config)
    if found is None:
        self_signed(made.certificate, made.key, list(config.hosts))
        log.info("made a self-signed certificate, %s", made.certificate)
        found = _identity(made, config)
    return found


def _usable(made: Source, config: Config) -> Identity | None:
    """The certificate that was made earlier, if it is whole and names every domain."""
    try:
        found = _identity(made, config)
    except TLSError:
        return None
    return found if all(map(found.covers, config.hosts)) else None


def _warn(config: Config, identities: Identities) -> None:
    """Of what the clients will refuse."""
    for name in config.hosts:
        shown = identities.named(name) or identities.default
        if not shown.covers(name):
            log.warning("the certificate shown for %s names other domains: %s", name, ", ".join(shown.names) or "none")
        if shown.expired:
            log.warning("the certificate shown for %s has expired on %s", name, shown.not_after)
