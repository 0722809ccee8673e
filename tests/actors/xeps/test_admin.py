import pytest
from lxml import etree

from tests.couple import JULIET, ROMEO, relate
from tests.world import PASSWORD, Client, World, failure

COMMANDS = "http://jabber.org/protocol/commands"
ADMIN = "http://jabber.org/protocol/admin"
HOSTS = ('hosts.localhost.admins=["bard@localhost"]', 'hosts."example.org"={}')


@pytest.fixture
def world() -> World:
    return World("bard", "romeo", "juliet", sets=HOSTS)


@pytest.fixture
def bard(world: World) -> Client:
    return world.connect("bard", "globe")


def command(node: str, inside: str = "", session: str = "") -> str:
    id = f" sessionid='{session}'" if session else ""
    return f"<command xmlns='{COMMANDS}' node='{ADMIN}#{node}'{id}>{inside}</command>"


def form(**entered: str | tuple[str, ...]) -> str:
    inside = f"<field var='FORM_TYPE'><value>{ADMIN}</value></field>"
    for var, values in entered.items():
        written = "".join(f"<value>{value}</value>" for value in ([values] if isinstance(values, str) else values))
        inside += f"<field var='{var.replace('_', '-')}'>{written}</field>"
    return f"<x xmlns='jabber:x:data' type='submit'>{inside}</x>"


def asked(client: Client, node: str) -> tuple[str, dict[str, tuple[str, bool]]]:
    """The session of a command that has begun, and what its form asks for: type and whether it is required."""
    answer = client.asks("set", command(node), "localhost")
    assert answer.get("type") == "result", etree.tostring(answer)
    assert answer[0].get("status") == "executing"
    fields = answer[0].iterfind("{*}x/{*}field")
    return answer[0].get("sessionid", ""), {
        field.get("var", ""): (field.get("type", ""), field.find("{*}required") is not None) for field in fields
    }


def answered(client: Client, node: str, **entered: str | tuple[str, ...]) -> etree._Element:
    """The answer to the form, filled in so."""
    session, _ = asked(client, node)
    return client.asks("set", command(node, form(**entered), session), "localhost")


def does(client: Client, node: str, **entered: str | tuple[str, ...]) -> list[tuple[str | None, str | None]]:
    """Carries out a command: the notes that it completes with."""
    answer = answered(client, node, **entered)
    assert answer.get("type") == "result", etree.tostring(answer)
    assert answer[0].get("status") == "completed"
    return [(note.get("type"), note.text) for note in answer[0].iterfind("{*}note")]


def learns(answer: etree._Element) -> dict[str | None, list[str | None]]:
    """The fields of the result of a command."""
    assert answer.get("type") == "result", etree.tostring(answer)
    assert (answer[0].get("status"), answer[0][0].get("type")) == ("completed", "result")
    return {
        field.get("var"): [value.text for value in field.iterfind("{*}value")]
        for field in answer[0].iterfind("{*}x/{*}field")
    }


def accounts(world: World) -> list[str]:
    return [str(jid.local) for jid in world.domain.accounts]


def can_log_in(world: World, name: str, password: str) -> bool:
    return world.wire().opens().logs_in(name, password).session.type == "c2s"


NODES = [
    "add-user",
    "announce",
    "change-user-password",
    "delete-user",
    "disable-user",
    "end-user-session",
    "get-online-users-list",
    "get-online-users-num",
    "get-registered-users-list",
    "get-registered-users-num",
    "reenable-user",
    "user-stats",
]


def test_an_admin_finds_the_commands(bard: Client) -> None:
    query = f"<query xmlns='http://jabber.org/protocol/disco#items' node='{COMMANDS}'/>"
    listed = bard.asks("get", query, "localhost")[0]
    assert sorted(item.get("node", "") for item in listed) == [f"{ADMIN}#{node}" for node in NODES]


@pytest.mark.parametrize("node", NODES)
def test_nobody_else_can_use_them(world: World, node: str) -> None:
    romeo = world.connect("romeo")
    assert failure(romeo.asks("set", command(node), "localhost")) == ("auth", "forbidden")


def test_nobody_else_even_sees_them(world: World) -> None:
    query = f"<query xmlns='http://jabber.org/protocol/disco#items' node='{COMMANDS}'/>"
    assert len(world.connect("romeo").asks("get", query, "localhost")[0]) == 0


def test_who_is_not_an_admin_any_more_cannot_go_on(world: World, bard: Client) -> None:
    session, _ = asked(bard, "delete-user")
    world.domain.options = world.server.config.hosts["example.org"]
    answer = bard.asks("set", command("delete-user", form(accountjids="romeo@localhost"), session), "localhost")
    assert failure(answer) == ("auth", "forbidden")
    assert "romeo" in accounts(world)


def test_a_domain_without_admins_has_no_commands(bard: Client) -> None:
    assert failure(bard.asks("set", command("add-user"), "example.org")) == ("auth", "forbidden")


# -- accounts


def test_a_user_is_added(world: World, bard: Client) -> None:
    """§4.1."""
    _, fields = asked(bard, "add-user")
    assert fields == {
        "FORM_TYPE": ("hidden", False),
        "accountjid": ("jid-single", True),
        "password": ("text-private", True),
        "password-verify": ("text-private", False),
    }
    entered = {"accountjid": "nurse@localhost", "password": "R0m30", "password_verify": "R0m30", "email": "x@y"}
    assert does(bard, "add-user", **entered) == [("info", "nurse@localhost added")]
    assert can_log_in(world, "nurse", "R0m30")


def test_passwords_that_differ_are_not_acceptable(world: World, bard: Client) -> None:
    answer = answered(bard, "add-user", accountjid="nurse@localhost", password="one", password_verify="two")
    assert failure(answer) == ("modify", "not-acceptable")
    assert len(answer) == 1, "the passwords do not travel back"
    assert "nurse" not in accounts(world)


def test_a_user_who_is_there_already_is_a_conflict(bard: Client) -> None:
    """§5."""
    answer = answered(bard, "add-user", accountjid="romeo@localhost", password="x")
    assert failure(answer) == ("cancel", "conflict")
    assert len(answer) == 1


@pytest.mark.parametrize(
    "jid", ["nurse@example.org", "nurse@elsewhere.example", "localhost", "localhost/x", "example.org"]
)
def test_users_elsewhere_are_not_for_the_admins_of_this_domain(world: World, bard: Client, jid: str) -> None:
    for node in ("add-user", "change-user-password"):
        assert failure(answered(bard, node, accountjid=jid, password="x")) == ("cancel", "not-allowed")
    assert failure(answered(bard, "user-stats", accountjid=jid)) == ("cancel", "not-allowed")
    for node in ("delete-user", "disable-user", "reenable-user", "end-user-session"):
        answer = answered(bard, node, accountjids=("romeo@localhost", jid))
        assert failure(answer) == ("cancel", "not-allowed")
    assert accounts(world) == ["bard", "juliet", "romeo"]


def test_a_full_address_is_no_account(bard: Client) -> None:
    answer = answered(bard, "delete-user", accountjids="romeo@localhost/orchard")
    assert failure(answer) == ("modify", "not-acceptable")


def test_users_are_deleted(world: World, bard: Client) -> None:
    """§4.2."""
    romeo = world.connect("romeo")
    done = does(bard, "delete-user", accountjids=("romeo@localhost", "juliet@localhost", "ROMEO@localhost"))
    assert done == [("info", "romeo@localhost removed"), ("info", "juliet@localhost removed")]
    assert accounts(world) == ["bard"]
    assert romeo.hears_the_end() == "not-authorized"


def test_of_several_users_some_may_be_deleted(world: World, bard: Client) -> None:
    done = does(bard, "delete-user", accountjids=("nobody@localhost", "romeo@localhost"))
    assert done == [("info", "romeo@localhost removed"), ("error", "there is no account nobody@localhost")]
    assert "romeo" not in accounts(world)


@pytest.mark.parametrize("node", ["delete-user", "disable-user", "reenable-user"])
def test_a_user_who_is_not_there_is_not_found(bard: Client, node: str) -> None:
    assert failure(answered(bard, node, accountjids="nobody@localhost")) == ("cancel", "item-not-found")


def test_users_are_disabled_and_enabled_again(world: World, bard: Client) -> None:
    """§4.3, §4.4."""
    romeo = world.connect("romeo")
    assert does(bard, "disable-user", accountjids="romeo@localhost") == [("info", "romeo@localhost disabled")]
    assert romeo.hears_the_end() == "not-authorized"
    assert not can_log_in(world, "romeo", PASSWORD)
    assert does(bard, "reenable-user", accountjids="romeo@localhost") == [("info", "romeo@localhost enabled")]
    assert can_log_in(world, "romeo", PASSWORD)


def test_a_password_is_changed(world: World, bard: Client) -> None:
    """§4.7."""
    done = does(bard, "change-user-password", accountjid="romeo@localhost", password="V3r0n4")
    assert done == [("info", "romeo@localhost has a new password")]
    assert can_log_in(world, "romeo", "V3r0n4")
    answer = answered(bard, "change-user-password", accountjid="nobody@localhost", password="x")
    assert failure(answer) == ("cancel", "item-not-found")


def test_what_is_required_has_to_be_entered(bard: Client) -> None:
    session, _ = asked(bard, "add-user")
    for entered in (form(), form(accountjid="nurse@localhost"), form(password="x"), form(accountjid="@", password="x")):
        answer = bard.asks("set", command("add-user", entered, session), "localhost")
        assert failure(answer) == ("modify", "bad-request")


# -- sessions


def test_one_session_or_all_of_an_account_are_ended(world: World, bard: Client) -> None:
    """§4.5."""
    clients = {name: world.connect("romeo", name) for name in ("orchard", "tomb", "street")}
    assert does(bard, "end-user-session", accountjids="romeo@localhost/tomb") == [
        ("info", "romeo@localhost/tomb: 1 ended")
    ]
    assert clients.pop("tomb").hears_the_end() == "policy-violation"
    assert not any(client.wire.closed for client in clients.values())
    assert does(bard, "end-user-session", accountjids="romeo@localhost") == [("info", "romeo@localhost: 2 ended")]
    assert {client.hears_the_end() for client in clients.values()} == {"policy-violation"}


def test_a_session_that_there_is_not_is_not_found(bard: Client) -> None:
    answer = answered(bard, "end-user-session", accountjids="romeo@localhost/tomb")
    assert failure(answer) == ("cancel", "item-not-found")


def test_an_admin_may_end_their_own_session(bard: Client) -> None:
    session, _ = asked(bard, "end-user-session")
    inside = form(accountjids="bard@localhost")
    bard.says(f"<iq type='set' id='x' to='localhost'>{command('end-user-session', inside, session)}</iq>")
    assert bard.hears_the_end() == "policy-violation"


def test_what_a_user_does_is_shown(world: World, bard: Client) -> None:
    """§4.10."""
    relate(world, ROMEO, JULIET, "both")
    for name in ("orchard", "tomb"):
        world.connect("romeo", name)
    told = learns(answered(bard, "user-stats", accountjid="romeo@localhost"))
    assert told.pop("FORM_TYPE") == [ADMIN]
    assert told == {"ipaddresses": ["wire"], "rostersize": ["1"], "onlineresources": ["orchard", "tomb"]}
    told = learns(answered(bard, "user-stats", accountjid="juliet@localhost"))
    assert (told["ipaddresses"], told["onlineresources"]) == ([], [])
    assert failure(answered(bard, "user-stats", accountjid="nobody@localhost")) == ("cancel", "item-not-found")


# -- lists


def test_users_are_counted(world: World, bard: Client) -> None:
    """§4.13, §4.15: an account with several resources is one, and one that is not available is one too."""
    for name in ("orchard", "tomb"):
        world.available("romeo", name)
    world.wire().opens()
    registered = learns(bard.asks("set", command("get-registered-users-num"), "localhost"))
    online = learns(bard.asks("set", command("get-online-users-num"), "localhost"))
    assert registered["registeredusersnum"] == ["3"]
    assert online["onlineusersnum"] == ["2"]


def test_users_are_listed(world: World, bard: Client) -> None:
    """§4.18, §4.20: those of this domain and no others."""
    elsewhere = world.router.domain("example.org")
    assert elsewhere is not None
    elsewhere.accounts.create(elsewhere.accounts.jid("paris"), PASSWORD, 0)
    world.wire().opens("example.org").logs_in("paris", to="example.org").binds()
    world.available("romeo")
    registered = learns(answered(bard, "get-registered-users-list"))
    online = learns(answered(bard, "get-online-users-list"))
    assert registered["registereduserjids"] == ["bard@localhost", "juliet@localhost", "romeo@localhost"]
    assert online["onlineuserjids"] == ["bard@localhost", "romeo@localhost"]


def test_a_list_is_cut_where_the_admin_wants(world: World, bard: Client) -> None:
    for number in range(30):
        world.domain.accounts.create(world.domain.accounts.jid(f"extra-{number}"), PASSWORD, 0)
    session, fields = asked(bard, "get-registered-users-list")
    assert fields["max_items"] == ("list-single", False)
    inside = "<x xmlns='jabber:x:data' type='submit'><field var='max_items'><value>25</value></field></x>"
    told = learns(bard.asks("set", command("get-registered-users-list", inside, session), "localhost"))
    assert len(told["registereduserjids"]) == 25


# -- announcements


def test_everybody_who_is_available_hears_an_announcement(world: World, bard: Client) -> None:
    """§4.23."""
    romeo, juliet = (
        world.available("romeo"),
        world.available("juliet", presence="<presence><priority>-1</priority></presence>"),
    )
    silent = world.connect("romeo", "tomb")
    done = does(bard, "announce", announcement=("This service will go down &lt;soon&gt;.", "Log off now!"))
    assert done == [("info", "told in 2 sessions")]
    for client in (romeo, juliet):
        message = client.hears_one()
        assert (message.get("type"), message.get("from")) == ("headline", "localhost")
        assert message.findtext("{jabber:client}body") == "This service will go down <soon>.\nLog off now!"
    assert silent.hears() == []


# -- the log


def test_what_an_admin_does_stands_in_the_log_without_passwords(bard: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level("DEBUG"):
        does(bard, "change-user-password", accountjid="romeo@localhost", password="V3r0n4")
    assert "Change a user's password romeo@localhost" in caplog.text
    assert "V3r0n4" not in caplog.text
