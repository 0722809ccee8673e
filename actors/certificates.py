"""Which certificate is shown for each domain: its own, the server's, or one that the server made for itself."""

from __future__ import annotations

import logging
from pathlib import Path

from actors.config import Config
from net.tls import Identities, Identity, TLSError, self_signed

log = logging.getLogger(__name__)


def load(config: Config) -> tuple[Identity, dict[str, Identity]]:
    """The default identity and those of the domains that have their own, as the files are now. Raises TLSError.

    With no certificate for all (`tls.certificate`) the default is a self-signed one in the data folder, which names
    every domain and is made anew when it lacks one; or, when no domain needs it, that of the first domain.
    """
    minimum, authorities = config.tls.minimum, config.tls.client_certificates
    own = {
        name: Identity.load(options.certificate, options.key, minimum=minimum, authorities=authorities)
        for name, options in config.hosts.items()
        if options.certificate is not None and options.key is not None
    }
    if config.tls.certificate is not None and config.tls.key is not None:
        default = Identity.load(config.tls.certificate, config.tls.key, minimum=minimum, authorities=authorities)
    elif len(own) == len(config.hosts):
        default = next(iter(own.values()))
    else:
        default = _self_signed(config)
    _warn(config, Identities(default, own))
    return default, own


def _self_signed(config: Config) -> Identity:
    certificate, key = config.data_dir / "self-signed.crt", config.data_dir / "self-signed.key"
    found = _usable(certificate, key, config)
    if found is None:
        self_signed(certificate, key, list(config.hosts))
        log.info("made a self-signed certificate, %s", certificate)
        found = Identity.load(certificate, key, minimum=config.tls.minimum, authorities=config.tls.client_certificates)
    return found


def _usable(certificate: Path, key: Path, config: Config) -> Identity | None:
    """The certificate that was made earlier, if it is whole and names every domain."""
    try:
        found = Identity.load(certificate, key, minimum=config.tls.minimum, authorities=config.tls.client_certificates)
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
