"""Which features there are."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Mapping

from actors.hooks.feature import Feature


def discover() -> Mapping[str, type[Feature]]:
    """The feature classes by name, one for each file in `actors/xeps/`.

    Raises TypeError for a file without one, and for a feature that names another which there is not.
    """
    from actors import xeps  # noqa: PLC0415 - the features import this file

    found: dict[str, type[Feature]] = {}
    for module in pkgutil.iter_modules(xeps.__path__):
        full_name = f"{xeps.__name__}.{module.name}"
        features = [
            value
            for value in vars(importlib.import_module(full_name)).values()
            if isinstance(value, type)
            and issubclass(value, Feature)
            and f"{value.__module__}.".startswith(f"{full_name}.")
        ]
        if len(features) != 1:
            raise TypeError(f"actors/xeps/{module.name}: one Feature to a file, not {len(features)}")
        features[0].name = module.name
        found[module.name] = features[0]
    for name, feature in found.items():
        for other in (*feature.after, *feature.requires):
            if other not in found:
                raise TypeError(f"actors/xeps/{name}: there is no feature {other}")
    return found
