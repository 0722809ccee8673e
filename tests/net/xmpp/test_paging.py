import pytest
from lxml import etree

from net.xmpp.errors import StanzaError
from net.xmpp.paging import RSM, Paging, page


def asked(inside: str | None) -> Paging:
    written = "" if inside is None else f"<set xmlns='{RSM}'>{inside}</set>"
    return Paging.read(etree.fromstring(f"<query xmlns='urn:x'><x/>{written}</query>"), 50)


@pytest.mark.parametrize(
    ("inside", "wanted"),
    [
        (None, Paging(50)),
        ("", Paging(50)),
        ("<max>10</max>", Paging(10)),
        ("<max>0</max>", Paging(0)),
        ("<max> 007 </max>", Paging(7)),
        ("<max>10</max><after>id</after>", Paging(10, "id")),
        ("<max>10</max><after/>", Paging(10)),
        ("<max>10</max><before>id</before>", Paging(10, None, "id")),
        ("<max>10</max><before/>", Paging(10, None, "")),
        ("<after>one</after><before>other</before>", Paging(50, "one", "other")),
    ],
)
def test_a_page_is_asked_for(inside: str | None, wanted: Paging) -> None:
    assert asked(inside) == wanted


@pytest.mark.parametrize("number", ["51", "1000000000", "9" * 10_000, "0" * 30 + "99"])
def test_more_than_there_may_be_is_as_much_as_there_may_be(number: str) -> None:
    assert asked(f"<max>{number}</max>").max == 50


@pytest.mark.parametrize("number", ["", "-1", "ten", "1.5", "1e3", "٣"])
def test_what_is_no_number_is_a_bad_request(number: str) -> None:
    with pytest.raises(StanzaError) as raised:
        asked(f"<max>{number}</max>")
    assert raised.value.condition == "bad-request"


def test_no_page_is_found_by_its_index() -> None:
    """§2.6."""
    with pytest.raises(StanzaError) as raised:
        asked("<max>10</max><index>371</index>")
    assert raised.value.condition == "feature-not-implemented"


def test_whoever_asks_for_what_precedes_something_wants_the_last_of_it() -> None:
    """§2.3, §2.5."""
    assert [asked(inside).backwards for inside in ("<after>a</after>", "<before>a</before>", "<before/>")] == [
        False,
        True,
        True,
    ]


def test_the_ids_that_have_to_be_known_are_told() -> None:
    assert asked("<after>one</after><before>other</before>").known == ("one", "other")
    assert asked("<before/>").known == ()


@pytest.mark.parametrize(
    ("made", "written"),
    [
        (page("a", "b", 800), "<first>a</first><last>b</last><count>800</count>"),
        (page("a", "a"), "<first>a</first><last>a</last>"),
        (page(count=790), "<count>790</count>"),
        (page(), ""),
    ],
)
def test_a_page_says_what_it_was(made: etree._Element, written: str) -> None:
    assert etree.tostring(made, method="c14n") == etree.tostring(
        etree.fromstring(f"<set xmlns='{RSM}'>{written}</set>"), method="c14n"
    )
