from actors.hooks import XEP, Feature, discover
from actors.xeptable import PATH, table


class Choir(Feature):
    implements = (XEP(9001, "2.0", "Choirs"), XEP(7, "1.0", "Voices"))


def test_the_committed_page_is_current() -> None:
    assert PATH.read_text("utf-8") == table(discover()), "run: python -m actors.xeptable"


def test_each_specification_has_a_line_by_number() -> None:
    lines = table({"choir": Choir}).splitlines()
    assert lines[-2:] == [
        "| [0007](https://xmpp.org/extensions/xep-0007.html) | Voices | 1.0 | `choir` |",
        "| [9001](https://xmpp.org/extensions/xep-9001.html) | Choirs | 2.0 | `choir` |",
    ]
