"""Searching an archive for words (XEP-0431)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.storage import Archive, Entry, StorageError, Words
from actors.xeps.archive import Archive as Feature
from actors.xeps.archive import search
from actors.xeps.archive.search import words
from tests.actors.xeps.archive.asking import form, page, query, refused, says
from tests.world import Client, World

INFO = "http://jabber.org/protocol/disco#info"
KILOMETRE = "\u3316"
FIELD = "{urn:xmpp:fulltext:0}fulltext"


@pytest.fixture
def romeo() -> Client:
    world = World("romeo", "juliet", "nurse")
    romeo = world.connect("romeo")
    says(romeo, "But soft! What light through yonder window breaks?")
    says(romeo, "It is the east, and Juliet is the sun.", to="nurse@localhost")
    says(romeo, "Arise, fair SUN, and kill the envious moon")
    romeo.says("<message to='juliet@localhost'><subject>Sun</subject><body>x</body><y xmlns='urn:y'>moon</y></message>")
    return romeo


def found(client: Client, text: str, more: str = "") -> list[str | None]:
    """What a search shows, by the first words."""
    return [shown and shown.split()[0].strip(",") for shown in query(client, form(**{FIELD: text}) + more).texts]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("sun", ["It", "Arise", "x"]),
        ("SUN!", ["It", "Arise", "x"]),
        ("moon sun", ["Arise"]),
        ("moon", ["Arise"]),
        ("su", []),
        ("missing sun", []),
        ("?!", []),
        ("NOT", []),
        ('"sun" OR light*', []),
    ],
)
def test_messages_with_all_of_the_words_are_shown(romeo: Client, text: str, shown: list[str]) -> None:
    assert found(romeo, text) == shown


def test_an_empty_text_narrows_nothing(romeo: Client) -> None:
    assert len(query(romeo, form(**{FIELD: ""})).ids) == 4


@pytest.mark.parametrize("text", ["*", "\U0001f600"])
def test_a_text_without_a_word_finds_nothing_and_does_not_say_how_much_there_is(romeo: Client, text: str) -> None:
    """XEP-0059 §2.7: the count would be that of what is found."""
    shown = query(romeo, form(**{FIELD: text}))
    assert (shown.ids, shown.complete, shown.told("count")) == ([], True, None)


def test_a_search_goes_with_other_filters_and_pages(romeo: Client) -> None:
    assert query(romeo, form(with_="juliet@localhost", **{FIELD: "sun"})).texts == [
        "Arise, fair SUN, and kill the envious moon",
        "x",
    ]
    first = query(romeo, form(**{FIELD: "sun"}) + page("<max>2</max>"))
    assert (len(first.ids), first.complete, first.told("count")) == (2, False, None)
    second = query(romeo, form(**{FIELD: "sun"}) + page(f"<max>2</max><after>{first.ids[-1]}</after>"))
    assert (second.texts, second.complete) == (["x"], True)


def test_what_comes_after_a_search_is_found_by_the_next(romeo: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "AT_A_TIME", 2)
    assert found(romeo, "star") == []
    for number in range(5):
        says(romeo, f"{number} star")
    assert found(romeo, "star") == list("01234")


def test_nobody_finds_what_others_have_said(romeo: Client) -> None:
    nurse = romeo.world.connect("nurse")
    assert found(nurse, "sun") == ["It"]
    assert found(nurse, "moon") == []


def test_what_was_taken_back_is_not_found(romeo: Client) -> None:
    romeo.says("<message to='juliet@localhost' id='1'><body>secret</body></message>")
    assert found(romeo, "secret") == ["secret"]
    retract = "<retract xmlns='urn:xmpp:message-retract:1' id='1'/><body>taken back</body>"
    romeo.says(f"<message to='juliet@localhost' id='2'>{retract}</message>")
    assert found(romeo, "secret") == []
    assert found(romeo, "taken") == ["taken"]


def kept(romeo: Client) -> Archive:
    return next(each for each in romeo.world.domain.hooks.features if isinstance(each, Feature))._kept


@pytest.mark.parametrize("doc", ["<message><body>poison sun</body></message>", "<message"])
def test_one_message_that_cannot_be_indexed_is_not_found_and_all_others_are(
    romeo: Client, doc: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    archive = kept(romeo)
    index = archive.index

    def refuse(owner: str, words: dict[str, Words]) -> None:
        if any("poison" in each.words for each in words.values()):
            raise StorageError("string is too long for tsvector")
        index(owner, words)

    monkeypatch.setattr(archive, "index", refuse)
    id = archive.append("romeo@localhost", Entry(romeo.world.clock.now(), "juliet@localhost", doc))
    for shown in (["It", "Arise", "x", "later"], ["It", "Arise", "x", "later", "later"]):
        says(romeo, "later sun")
        assert found(romeo, "sun") == shown
        assert found(romeo, "poison") == []
    assert caplog.text.count(f"romeo@localhost: the message {id} is found by no word") == 1


def test_while_nothing_can_be_indexed_a_search_fails_and_later_it_does_not(
    romeo: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise StorageError("made to fail")

    with monkeypatch.context() as patched:
        patched.setattr(kept(romeo), "index", fail)
        assert refused(romeo, form(**{FIELD: "sun"})) == "internal-server-error"
    assert found(romeo, "sun") == ["It", "Arise", "x"]


def test_what_is_taken_back_while_it_is_being_indexed_is_not_found(
    romeo: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = kept(romeo)
    index = archive.index

    def late(owner: str, words: dict[str, Words]) -> None:
        archive.replace(owner, next(iter(words)), "<message/>")
        index(owner, words)

    monkeypatch.setattr(archive, "index", late)
    assert found(romeo, "light") == []
    assert found(romeo, "sun") == ["It", "Arise", "x"]


def test_too_many_words_are_refused(romeo: Client) -> None:
    assert refused(romeo, form(**{FIELD: " ".join(map(str, range(21)))})) == "policy-violation"


def test_the_account_says_that_it_can_be_searched(romeo: Client) -> None:
    """§2.1."""
    answer = romeo.asks("get", f"<query xmlns='{INFO}'/>", to="romeo@localhost")
    assert "urn:xmpp:fulltext:0" in {node.get("var") for node in answer[0].iterfind(f"{{{INFO}}}feature")}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Straße STRASSE", ["strasse"]),
        ("ｆｕｌｌ", ["full"]),
        ("a_b c-d e.f", ["a", "b", "c", "d", "e", "f"]),
        ("x" * 101, ["x" * 100]),
        ("", []),
    ],
)
def test_a_word_has_one_form(text: str, expected: list[str]) -> None:
    assert words(text) == expected


def test_of_a_text_that_grows_the_words_that_are_too_much_do_not_count() -> None:
    """A square kilometre is one character of three bytes, and six of them in the form in which words are compared."""
    written = [f"{number}{KILOMETRE * 16}" for number in range(1000)]
    counted = words(" ".join(written))
    assert 249_000 < sum(len(word.encode()) for word in counted) <= 250_000
    assert counted == words(" ".join(written[: len(counted)]))


@given(st.text())
def test_a_word_is_nothing_but_letters_and_digits(text: str) -> None:
    assert all(word and '"' not in word and not word.isspace() and len(word) <= 100 for word in words(text))
