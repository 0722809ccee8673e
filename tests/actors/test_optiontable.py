import tomllib
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec
import pytest

from actors.hooks import Feature, discover
from actors.optiontable import DOCUMENTED, PATH, options, table


class ChoirOptions(msgspec.Struct, frozen=True, kw_only=True):
    voices: Annotated[int, msgspec.Meta(ge=1, le=40)] = 4


class Choir(Feature):
    Options = ChoirOptions


FILE = DOCUMENTED.read_text("utf-8")


def test_the_committed_page_is_current() -> None:
    assert PATH.read_text("utf-8") == table(discover(), FILE), "run: python -m actors.optiontable"


def names(table: dict[str, Any], prefix: str = "") -> Iterator[str]:
    for name, value in table.items():
        if isinstance(value, dict):
            yield from names(value, f"{prefix}{name}.")
        else:
            yield prefix + name


def test_each_option_has_a_line_those_of_domains_and_features_too() -> None:
    found = [name for name, _ in options(discover())]
    file = tomllib.loads(FILE)
    file["hosts"]['"DOMAIN"'] = file["hosts"].pop("localhost")
    assert sorted(found) == sorted(names(file))
    assert {'hosts."DOMAIN".conflict', "limits.stanza", "xeps.disabled", "xeps.private.namespaces"} < set(found)


def test_a_line_has_what_the_file_says_about_the_option() -> None:
    said = "# For people:\n# four at least.\n[xeps.choir]\n# How many sing.\n# Neighbours hear them.\nvoices = 4\n"
    page = table({"choir": Choir}, FILE + said)
    assert page.splitlines()[-1] == (
        "| `xeps.choir.voices` | a whole number from 1 to 40 | `4` | How many sing. Neighbours hear them. |"
    )


def test_an_option_that_the_file_does_not_have_is_missed() -> None:
    with pytest.raises(KeyError, match=r"xeps\.choir\.voices"):
        table({"choir": Choir}, FILE)
