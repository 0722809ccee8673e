from collections.abc import Sequence

import pytest
from lxml import etree

from actors.adhoc import Command, Outcome, Stage
from actors.errands import MOST_EACH
from actors.hooks import Feature, Hooks, commands
from net.xmpp.errors import StanzaError
from net.xmpp.forms import Field, Form, Option, Submission, result
from net.xmpp.jid import JID
from tests.world import Client, World, failure, settle

COMMANDS = "http://jabber.org/protocol/commands"
INFO = "http://jabber.org/protocol/disco#info"
ITEMS = "http://jabber.org/protocol/disco#items"

SERVICE = Form(
    "urn:config",
    "Configure Service",
    "Please select the service to configure.",
    (Field("service", "list-single", options=(Option("httpd"), Option("jabberd")), required=True),),
)
STATE = Form(
    "urn:config",
    "Configure Service",
    "Please select the state.",
    (Field("state", "list-single", options=(Option("on"), Option("off")), required=True), Field("key", "text-private")),
)


class Configure:
    """The command of XEP-0050 §2.4.2, in two stages."""

    node = "config"
    name = "Configure Service"

    def __init__(self) -> None:
        self.fault: Exception | None = None

    def allows(self, asker: JID) -> bool:
        return asker.local == "romeo"

    def stage(self, asker: JID, given: Sequence[Submission]) -> Stage | None:
        return (Stage(SERVICE, last=False), Stage(STATE), None)[len(given)]

    def do(self, asker: JID, given: Sequence[Submission]) -> Outcome:
        if self.fault is not None:
            raise self.fault
        service, state = given[0].text("service"), given[1].text("state")
        if service == "jabberd":
            return Outcome(notes=["tried"], failures=["jabberd is gone"])
        return Outcome(notes=[f"Service '{service}' is {state}."])


class Show:
    """The command of XEP-0050 §2.4.1, which asks for nothing."""

    node = "list"
    name = "List Services"

    def allows(self, asker: JID) -> bool:
        return True

    def stage(self, asker: JID, given: Sequence[Submission]) -> Stage | None:
        return None

    def do(self, asker: JID, given: Sequence[Submission]) -> Outcome:
        return Outcome(result("urn:list", [Field("service", values=("httpd",))]))


class Services(Feature):
    name = "services"
    configure = Configure()

    @commands
    def all(self) -> list[Command]:
        return [Show(), self.configure]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World("romeo", "juliet")
    monkeypatch.setattr(Services, "configure", Configure())
    features = [each for each in world.domain.hooks.features if each.name != "admin"]
    world.domain.hooks = Hooks([*features, Services(world.domain, None)])
    return world


@pytest.fixture
def romeo(world: World) -> Client:
    return world.connect("romeo", "globe")


def command(node: str = "config", inside: str = "", **attributes: str) -> str:
    written = "".join(f" {name}='{value}'" for name, value in attributes.items())
    return f"<command xmlns='{COMMANDS}' node='{node}'{written}>{inside}</command>"


def form(type: str = "submit", **entered: str) -> str:
    inside = "".join(f"<field var='{var}'><value>{value}</value></field>" for var, value in entered.items())
    return f"<x xmlns='jabber:x:data' type='{type}'>{inside}</x>"


def executes(client: Client, node: str = "config", inside: str = "", **attributes: str) -> etree._Element:
    """The <command/> of a successful answer."""
    answer = client.asks("set", command(node, inside, **attributes), "localhost")
    assert answer.get("type") == "result", etree.tostring(answer)
    assert answer[0].tag == f"{{{COMMANDS}}}command"
    assert answer[0].get("node") == node
    return answer[0]


def begins(client: Client) -> str:
    """Starts the command in two stages; its session."""
    id = executes(client).get("sessionid")
    assert id
    return id


def refusal(client: Client, content: str) -> tuple[str | None, str, str]:
    """Type, condition and specific condition of an error."""
    answer = client.asks("set", content, "localhost")
    details = [node for node in answer[-1] if node.tag.startswith(f"{{{COMMANDS}}}")]
    return *failure(answer), etree.QName(details[0]).localname if details else ""


def actions(node: etree._Element) -> tuple[str | None, list[str]]:
    allowed = node.find(f"{{{COMMANDS}}}actions")
    assert allowed is not None
    return allowed.get("execute"), [etree.QName(action).localname for action in allowed]


def notes(node: etree._Element) -> list[tuple[str | None, str | None]]:
    return [(note.get("type"), note.text) for note in node.iterfind(f"{{{COMMANDS}}}note")]


def title(node: etree._Element) -> str | None:
    text: str | None = node.findtext("{jabber:x:data}x/{jabber:x:data}instructions")
    return text


# -- discovery


def discovers(client: Client, namespace: str, node: str, to: str = "localhost") -> etree._Element:
    answer = client.asks("get", f"<query xmlns='{namespace}' node='{node}'/>", to)
    assert answer.get("type") == "result", etree.tostring(answer)
    return answer[0]


def test_support_is_advertised(romeo: Client) -> None:
    info = romeo.asks("get", f"<query xmlns='{INFO}'/>", "localhost")[0]
    assert COMMANDS in [node.get("var") for node in info]


def test_everybody_sees_the_commands_that_are_for_them(world: World, romeo: Client) -> None:
    listed = discovers(romeo, ITEMS, COMMANDS)
    assert [(item.get("jid"), item.get("node"), item.get("name")) for item in listed] == [
        ("localhost", "config", "Configure Service"),
        ("localhost", "list", "List Services"),
    ]
    assert [item.get("node") for item in discovers(world.connect("juliet"), ITEMS, COMMANDS)] == ["list"]


def test_the_list_is_an_identity(romeo: Client) -> None:
    (identity,) = discovers(romeo, INFO, COMMANDS)
    assert (identity.get("category"), identity.get("type")) == ("automation", "command-list")


def test_a_command_is_described(romeo: Client) -> None:
    identity, *features = discovers(romeo, INFO, "config")
    assert dict(identity.attrib) == {"category": "automation", "type": "command-node", "name": "Configure Service"}
    assert [feature.get("var") for feature in features] == [COMMANDS, "jabber:x:data"]


def test_a_command_for_others_is_forbidden(world: World) -> None:
    juliet = world.connect("juliet")
    answer = juliet.asks("get", f"<query xmlns='{INFO}' node='config'/>", "localhost")
    assert failure(answer) == ("auth", "forbidden")
    assert refusal(juliet, command()) == ("auth", "forbidden", "")


def test_an_account_has_no_commands(romeo: Client) -> None:
    for namespace in (INFO, ITEMS):
        answer = romeo.asks("get", f"<query xmlns='{namespace}' node='{COMMANDS}'/>", "romeo@localhost")
        assert failure(answer) == ("cancel", "item-not-found")
    assert failure(romeo.asks("set", command())) == ("cancel", "service-unavailable")


# -- execution


def test_a_command_that_asks_for_nothing_is_carried_out_at_once(romeo: Client) -> None:
    done = executes(romeo, "list", action="execute")
    assert done.get("status") == "completed"
    assert done.get("sessionid")
    assert done[0].get("type") == "result"
    assert done.get("{http://www.w3.org/XML/1998/namespace}lang") == "en"


def test_a_command_is_carried_out_in_stages(romeo: Client) -> None:
    first = executes(romeo)
    assert (first.get("status"), actions(first)) == ("executing", ("next", ["next"]))
    assert title(first) == "Please select the service to configure."
    id = first.get("sessionid", "")
    second = executes(romeo, inside=form(service="httpd"), sessionid=id)
    assert (second.get("status"), actions(second)) == ("executing", ("complete", ["prev", "complete"]))
    assert second.get("sessionid") == id
    assert title(second) == "Please select the state."
    third = executes(romeo, inside=form(state="on"), sessionid=id)
    assert (third.get("status"), third.get("sessionid")) == ("completed", id)
    assert notes(third) == [("info", "Service 'httpd' is on.")]


def test_the_actions_may_be_named(romeo: Client) -> None:
    id = begins(romeo)
    executes(romeo, inside=form(service="httpd"), sessionid=id, action="next")
    done = executes(romeo, inside=form(state="off"), sessionid=id, action="complete")
    assert notes(done) == [("info", "Service 'httpd' is off.")]


def test_who_goes_back_finds_what_was_entered_but_no_secrets(romeo: Client) -> None:
    id = begins(romeo)
    executes(romeo, inside=form(service="httpd"), sessionid=id)
    back = executes(romeo, sessionid=id, action="prev")
    assert (back.get("status"), actions(back)) == ("executing", ("next", ["next"]))
    assert back.findtext("{*}x/{*}field[@var='service']/{*}value") == "httpd"
    second = executes(romeo, inside=form(service="jabberd"), sessionid=id)
    assert second.findtext("{*}x/{*}field[@var='state']/{*}value") is None
    done = executes(romeo, inside=form(state="on"), sessionid=id)
    assert notes(done) == [("info", "tried"), ("error", "jabberd is gone")]


def test_a_form_that_is_cancelled_counts_as_submitted(romeo: Client) -> None:
    """§3.4.1."""
    id = begins(romeo)
    assert title(executes(romeo, inside=form("cancel", service="httpd"), sessionid=id)) == "Please select the state."


def test_a_command_can_be_cancelled_at_each_stage(romeo: Client) -> None:
    for stages in range(2):
        id = begins(romeo)
        for _ in range(stages):
            executes(romeo, inside=form(service="httpd"), sessionid=id)
        cancelled = executes(romeo, sessionid=id, action="cancel")
        assert (cancelled.get("status"), cancelled.get("sessionid"), len(cancelled)) == ("canceled", id, 0)
        expired = ("cancel", "not-allowed", "session-expired")
        assert refusal(romeo, command(inside=form(service="httpd"), sessionid=id)) == expired


def test_two_may_go_on_at_once(romeo: Client) -> None:
    one, other = begins(romeo), begins(romeo)
    assert one != other
    executes(romeo, inside=form(service="httpd"), sessionid=one)
    executes(romeo, inside=form(service="jabberd"), sessionid=other)
    assert notes(executes(romeo, inside=form(state="on"), sessionid=one)) == [("info", "Service 'httpd' is on.")]


# -- errors (§4.4)


def test_a_command_that_there_is_not_is_not_found(romeo: Client) -> None:
    assert refusal(romeo, command("nonsense")) == ("cancel", "item-not-found", "")
    assert refusal(romeo, f"<command xmlns='{COMMANDS}'/>") == ("cancel", "item-not-found", "")


@pytest.mark.parametrize("action", ["", "EXECUTE", "restart"])
def test_an_action_that_there_is_not_is_malformed(romeo: Client, action: str) -> None:
    assert refusal(romeo, command(action=action)) == ("modify", "bad-request", "malformed-action")
    assert refusal(romeo, command(sessionid=begins(romeo), action=action))[2] == "malformed-action"


@pytest.mark.parametrize("action", ["cancel", "prev", "next", "complete"])
def test_an_action_needs_a_session(romeo: Client, action: str) -> None:
    assert refusal(romeo, command(action=action)) == ("modify", "bad-request", "bad-action")


def test_only_what_is_offered_can_be_done(romeo: Client) -> None:
    id = begins(romeo)
    bad = ("modify", "bad-request", "bad-action")
    assert refusal(romeo, command(inside=form(service="httpd"), sessionid=id, action="prev")) == bad
    assert refusal(romeo, command(inside=form(service="httpd"), sessionid=id, action="complete")) == bad
    executes(romeo, inside=form(service="httpd"), sessionid=id)
    assert refusal(romeo, command(inside=form(state="on"), sessionid=id, action="next")) == bad


@pytest.mark.parametrize("inside", ["", form(), form(service="sshd"), form("result", service="httpd")])
def test_what_does_not_fit_the_form_is_a_bad_payload_and_can_be_tried_again(romeo: Client, inside: str) -> None:
    id = begins(romeo)
    assert refusal(romeo, command(inside=inside, sessionid=id)) == ("modify", "bad-request", "bad-payload")
    assert executes(romeo, inside=form(service="httpd"), sessionid=id).get("status") == "executing"


def test_what_was_entered_does_not_travel_back(romeo: Client) -> None:
    answer = romeo.asks("set", command(inside=form(service="x"), sessionid=begins(romeo)), "localhost")
    assert [etree.QName(node).localname for node in answer] == ["error"]


def test_a_session_belongs_to_one_resource_and_one_command(world: World, romeo: Client) -> None:
    id = begins(romeo)
    bad = ("modify", "bad-request", "bad-sessionid")
    assert refusal(world.connect("romeo", "other"), command(sessionid=id)) == bad
    assert refusal(romeo, command("list", sessionid=id)) == bad
    assert refusal(world.connect("juliet"), command("list", sessionid=id)) == bad


def test_a_session_that_there_is_not_has_expired(romeo: Client) -> None:
    expired = ("cancel", "not-allowed", "session-expired")
    assert refusal(romeo, command(sessionid="made-up")) == expired
    id = begins(romeo)
    executes(romeo, inside=form(service="httpd"), sessionid=id)
    executes(romeo, inside=form(state="on"), sessionid=id)
    assert refusal(romeo, command(inside=form(state="on"), sessionid=id)) == expired


def test_a_session_expires_when_nobody_goes_on_with_it(world: World, romeo: Client) -> None:
    id, other = begins(romeo), begins(romeo)
    world.clock.advance(800)
    executes(romeo, inside=form(service="httpd"), sessionid=id)
    world.clock.advance(200)
    executes(romeo, sessionid=id, action="prev")
    assert refusal(romeo, command(sessionid=other))[2] == "session-expired"


def test_of_many_sessions_the_oldest_are_forgotten(romeo: Client) -> None:
    first, second, *others = (begins(romeo) for _ in range(11))
    assert refusal(romeo, command(sessionid=first))[2] == "session-expired"
    for id in (second, *others):
        executes(romeo, sessionid=id, action="cancel")


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (StanzaError("conflict", "it is there"), ("cancel", "conflict")),
        (RuntimeError("made to fail"), ("cancel", "internal-server-error")),
    ],
)
def test_a_command_that_fails_answers_with_its_error(
    romeo: Client, fault: Exception, error: tuple[str, str], caplog: pytest.LogCaptureFixture
) -> None:
    Services.configure.fault = fault
    id = begins(romeo)
    executes(romeo, inside=form(service="httpd"), sessionid=id)
    answer = romeo.asks("set", command(inside=form(state="on"), sessionid=id), "localhost")
    assert failure(answer) == error
    assert ("made to fail" in caplog.text) == isinstance(fault, RuntimeError)
    Services.configure.fault = None
    assert executes(romeo, "list").get("status") == "completed"


def test_nobody_has_more_than_a_few_carried_out_at_once(world: World, romeo: Client) -> None:
    for number in range(MOST_EACH + 1):
        romeo.wire.hear(f"<iq type='set' id='{number}' to='localhost'>{command('list')}</iq>".encode())
    settle()
    answers = {node.get("id"): node for node in romeo.hears()}
    assert failure(answers.pop(str(MOST_EACH))) == ("wait", "resource-constraint")
    assert {node.get("type") for node in answers.values()} == {"result"}
    assert executes(romeo, "list").get("status") == "completed"
    assert world.domain.errands.under_way == []
