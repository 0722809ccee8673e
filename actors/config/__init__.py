"""The configuration: `etc/parley.toml` read once, typed, checked.

Every option has a default, so an empty file is a valid one. TOML has no null: a path that is not set is the empty text.
A relative path starts at the project folder, wherever the server is started from.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

import msgspec

from actors.config.options import (
    SASL,
    TLS,
    Address,
    Certified,
    Config,
    HostOptions,
    Limits,
    Listen,
    Log,
    NoOptions,
    Storage,
    XEPs,
)
from actors.config.reader import ConfigError, Features, Reader, nearest

__all__ = [
    "PROJECT",
    "SASL",
    "TLS",
    "Address",
    "Config",
    "ConfigError",
    "HostOptions",
    "Limits",
    "Listen",
    "Log",
    "NoOptions",
    "Storage",
    "XEPs",
    "load",
]

Options = TypeVar("Options", bound=Certified)

PROJECT = Path(__file__).resolve().parents[2]
"""The folder that holds `actors/`, `net/` and `etc/`."""


def load(path: Path | None, sets: Sequence[str] = (), *, features: Features = MappingProxyType({})) -> Config:
    """Read and check the configuration.

    `path`: a TOML file, or None for the built-in defaults. `sets`: "dotted.key=VALUE" texts, each replacing what the
    file says about that key; VALUE is TOML. `features`: the name of each XEP feature, and the struct of the options
    that may stand in its table `[xeps.NAME]`, if it has any. Raises ConfigError.
    """
    reader = Reader(str(path), features)
    table = _file(path) if path else {}
    for argument in sets:
        reader.assign(table, argument)
    config = reader.struct(Config, table, ())
    for name in config.xeps.disabled:
        if name not in features:
            raise reader.error(("xeps", "disabled"), name, f"names of features; {nearest(name, features)}")
    return _rooted(config)


def _file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ConfigError(f"{path}: {error.strerror}\n    name another file with --config") from None
    except ValueError as error:
        raise ConfigError(f"{path}: not TOML\n    {error}") from None


def _rooted(config: Config) -> Config:
    data_dir = PROJECT / config.data_dir
    url = config.storage.url
    hosts = {name: _with_rooted_files(options) for name, options in config.hosts.items()}
    if not url:
        url = f"sqlite:///{data_dir / 'parley.sqlite'}"
    elif url.startswith("sqlite:///"):
        url = f"sqlite:///{PROJECT / url.removeprefix('sqlite:///')}"
    tls = _with_rooted_files(config.tls)
    if tls.client_certificates is not None:
        tls = msgspec.structs.replace(tls, client_certificates=PROJECT / tls.client_certificates)
    return msgspec.structs.replace(config, data_dir=data_dir, tls=tls, hosts=hosts, storage=Storage(url=url))


def _with_rooted_files(options: Options) -> Options:
    if options.certificate is None or options.key is None:
        return options
    return msgspec.structs.replace(options, certificate=PROJECT / options.certificate, key=PROJECT / options.key)
