import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from net.xmpp.forms import DATA, Field, FieldType, Form, FormRefused, Option, Submission, X, result, table
from net.xmpp.jid import JID

BOT = Form(
    "jabber:bot",
    "Bot Configuration",
    "Fill out this form to configure your new bot!",
    (
        Field("botname", label="The name of your bot"),
        Field("description", "text-multi"),
        Field("public", "boolean", "Public bot?", required=True),
        Field("password", "text-private"),
        Field("maxsubs", "list-single", values=("20",), options=(Option("10", "Ten"), Option("20"))),
        Field("features", "list-multi", options=(Option("news"), Option("polls"))),
        Field("owner", "jid-single"),
        Field("invitelist", "jid-multi"),
    ),
)


def submitted(*fields: str, type: str = "submit") -> etree._Element:
    return etree.fromstring(f"<x xmlns='{DATA}' type='{type}'>{''.join(fields)}</x>")


def field(var: str, *values: str) -> str:
    return f"<field var='{var}'>{''.join(f'<value>{value}</value>' for value in values)}</field>"


def read(*fields: str) -> Submission:
    """What the bot's form makes of these fields, with the one that is required."""
    return BOT.read(submitted(field("public", "1"), *fields))


def refusal(*fields: str) -> str:
    with pytest.raises(FormRefused) as caught:
        read(*fields)
    return str(caught.value)


def test_a_form_has_a_title_instructions_its_type_and_its_fields_in_order() -> None:
    x = BOT.xml()
    assert (x.tag, x.get("type")) == (X, "form")
    assert x.findtext(f"{{{DATA}}}title") == "Bot Configuration"
    assert x.findtext(f"{{{DATA}}}instructions") == "Fill out this form to configure your new bot!"
    names = [node.get("var") for node in x.iterfind(f"{{{DATA}}}field")]
    assert names == ["FORM_TYPE", *(each.var for each in BOT.fields)]
    hidden = x[2]
    assert (hidden.get("type"), hidden[0].text) == ("hidden", "jabber:bot")


def test_a_field_says_what_it_is() -> None:
    asked = Field("maxsubs", "list-single", "How many", ("20",), (Option("10", "Ten"), Option("20")), required=True)
    assert etree.tostring(asked.xml()).decode() == (
        f'<field xmlns="{DATA}" var="maxsubs" type="list-single" label="How many"><required/><value>20</value>'
        '<option label="Ten"><value>10</value></option><option><value>20</value></option></field>'
    )


def test_what_was_entered_is_found_by_the_name_of_its_field() -> None:
    entered = read(
        field("botname", "The Jabber Bot"),
        field("description", "First line", "", "third line"),
        field("features", "news", "polls"),
        field("owner", "ROMEO@montague.net"),
    )
    assert entered.text("botname") == "The Jabber Bot"
    assert entered.texts("description") == ("First line", "", "third line")
    assert entered.texts("features") == ("news", "polls")
    assert entered.flag("public")
    assert entered.jids("owner") == (JID.parse("romeo@montague.net"),)


def test_what_was_left_out_is_not_there() -> None:
    entered = read()
    assert "botname" not in entered
    assert entered.text("botname") == ""
    assert entered.texts("features") == entered.jids("owner") == ()


@pytest.mark.parametrize("empty", ["<field var='botname'/>", field("botname", "")])
def test_what_was_emptied_is_there_and_empty(empty: str) -> None:
    entered = read(empty)
    assert "botname" in entered
    assert entered.text("botname") == ""


def test_fields_that_the_form_does_not_have_are_ignored() -> None:
    assert "x-other" not in read(field("x-other", "1"))


@pytest.mark.parametrize(("written", "meant"), [("1", True), ("true", True), ("0", False), ("false", False)])
def test_a_boolean_has_two_ways_to_be_written(written: str, meant: bool) -> None:
    assert BOT.read(submitted(field("public", written))).flag("public") is meant


def test_duplicate_addresses_are_ignored() -> None:
    entered = read(field("invitelist", "juliet@capulet.com", "JULIET@capulet.com", "benvolio@montague.net"))
    assert entered.texts("invitelist") == ("juliet@capulet.com", "benvolio@montague.net")


@pytest.mark.parametrize(
    ("entered", "told"),
    [
        (field("botname", "a", "b"), "The name of your bot: only one value"),
        (field("maxsubs", "30"), "maxsubs: only what is in the list"),
        (field("features", "news", "sports"), "features: only what is in the list"),
        (field("owner", "@"), "owner: "),
        (field("invitelist", "juliet@capulet.com", "@"), "invitelist: "),
        (field("password", "a") + field("password", "b"), "password: entered twice"),
        (field("FORM_TYPE", "jabber:other"), "another form"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(entered: str, told: str) -> None:
    assert refusal(entered).startswith(told)


@pytest.mark.parametrize("value", ["yes", "TRUE", "2", " 1"])
def test_a_boolean_is_nothing_else(value: str) -> None:
    with pytest.raises(FormRefused, match="true or false"):
        BOT.read(submitted(field("public", value)))


@pytest.mark.parametrize("entered", ["", field("public"), field("public", "")])
@pytest.mark.parametrize("type", ["submit", "cancel"])
def test_what_is_required_has_to_be_there(entered: str, type: str) -> None:
    with pytest.raises(FormRefused, match=r"Public bot\?: something has to be entered"):
        BOT.read(submitted(entered, type=type))


def test_lines_that_are_all_empty_are_nothing() -> None:
    form = Form("f", "", "", (Field("text", "text-multi", required=True),))
    with pytest.raises(FormRefused):
        form.read(submitted(field("text", "", "")))


@pytest.mark.parametrize("x", [None, etree.Element("x"), submitted(type="form"), submitted(type="result")])
def test_only_a_submission_is_read(x: etree._Element | None) -> None:
    with pytest.raises(FormRefused, match="has to be submitted"):
        BOT.read(x)


def test_the_type_of_the_form_may_be_repeated() -> None:
    assert read(field("FORM_TYPE", "jabber:bot")).flag("public")


def test_a_form_comes_back_as_it_was_filled_in_but_without_secrets() -> None:
    entered = read(field("botname", "Bot"), field("password", "secret"), field("maxsubs", "10"))
    shown = {node.get("var"): [value.text for value in node.iterfind(f"{{{DATA}}}value")] for node in BOT.xml(entered)}
    assert (shown["botname"], shown["password"], shown["maxsubs"], shown["public"]) == (["Bot"], [], ["10"], ["true"])
    assert "secret" not in repr(entered)


def test_results_are_told_with_their_type() -> None:
    x = result("urn:x", [Field("count", values=("3",))])
    assert x.get("type") == "result"
    assert [(node.get("var"), node[0].text) for node in x] == [("FORM_TYPE", "urn:x"), ("count", "3")]


def test_a_table_has_a_head_and_a_value_for_each_column_in_each_row() -> None:
    x = table([Field("name", label="Name"), Field("jid", "jid-single")], [("Juliet", "juliet@capulet.com"), ("", "x")])
    assert [etree.QName(node).localname for node in x] == ["reported", "item", "item"]
    assert [(node.get("var"), node.get("type")) for node in x[0]] == [("name", "text-single"), ("jid", "jid-single")]
    assert [[(cell.get("var"), cell[0].text or "") for cell in item] for item in x[1:]] == [
        [("name", "Juliet"), ("jid", "juliet@capulet.com")],
        [("name", ""), ("jid", "x")],
    ]


def test_a_table_can_be_named() -> None:
    assert table([Field("name")], [], "urn:x")[0].get("var") == "FORM_TYPE"


types = st.sampled_from(FieldType.__args__)  # type: ignore[attr-defined]
asked = st.tuples(st.sampled_from("abc"), types, st.booleans())
answered = st.lists(st.tuples(st.sampled_from("abcd"), st.lists(st.sampled_from(["", "0", "a@b", "@", "\n"]))))


@given(st.lists(asked, unique_by=lambda each: each[0]), answered)
def test_any_submission_is_read_or_refused(
    asked: list[tuple[str, FieldType, bool]], entered: list[tuple[str, list[str]]]
) -> None:
    fields = tuple(Field(var, type, required=required) for var, type, required in asked)
    form = Form("f", "", "", fields)
    try:
        found = form.read(submitted(*(field(var, *values) for var, values in entered)))
    except FormRefused:
        return
    for each in fields:
        assert not each.required or any(found.texts(each.var))
        assert len(found.texts(each.var)) <= 1 or each.type.endswith("-multi") or each.type == "hidden"
        if each.type.startswith("jid-"):
            assert len(found.jids(each.var)) == len(found.texts(each.var))
    form.xml(found)


def test_into_an_open_list_anything_may_be_entered() -> None:
    """XEP-0122 §4.2.2."""
    field = Field("ids", "list-multi", options=(Option("a"),), open=True)
    assert field.read(["a", "b"]) == ("a", "b")
    validation = field.xml()[0]
    assert validation.tag == "{http://jabber.org/protocol/xdata-validate}validate"
    assert [node.tag for node in validation] == ["{http://jabber.org/protocol/xdata-validate}open"]
