import pytest

from tests.actors.xeps.admin.doing import ADMIN, answered, asked, command, does, form, learns
from tests.couple import JULIET, ROMEO, relate
from tests.world import PASSWORD, Client, World, failure


def accounts(world: World) -> list[str]:
    return [str(jid.local) for jid in world.domain.accounts]


def can_log_in(world: World, name: str, password: str) -> bool:
    return world.wire().opens().logs_in(name, password).session.type == "c2s"


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
    for node in (
        "delete-user",
        "disable-user",
        "reenable-user",
        "end-user-session",
        "get-user-roster",
        "get-user-lastlogin",
    ):
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


@pytest.mark.parametrize(
    "node", ["delete-user", "disable-user", "reenable-user", "get-user-roster", "get-user-lastlogin"]
)
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


# -- what they have


def test_the_roster_of_a_user_is_shown(world: World, bard: Client) -> None:
    """§4.8, example 33: as the user would see it."""
    relate(world, ROMEO, JULIET, "to", approved=True)
    answer = answered(bard, "get-user-roster", accountjids="romeo@localhost")
    assert learns(answer) == {"FORM_TYPE": [ADMIN], "accountjids": ["romeo@localhost"]}
    (query,) = answer[0].iterfind("{*}x/{jabber:iq:roster}query")
    assert [dict(item.attrib) for item in query] == [
        {"jid": "juliet@localhost", "subscription": "to", "approved": "true"}
    ]


def test_of_several_users_there_are_as_many_rosters(world: World, bard: Client) -> None:
    world.connect("juliet").says("<presence type='subscribe' to='bard@localhost'/>")  # a request is in no roster
    relate(world, ROMEO, JULIET, "both")
    answer = answered(bard, "get-user-roster", accountjids=("bard@localhost", "romeo@localhost"))
    assert learns(answer)["accountjids"] == ["bard@localhost", "romeo@localhost"]
    queries = answer[0].iterfind("{*}x/{jabber:iq:roster}query")
    assert [[item.get("jid") for item in query] for query in queries] == [[], ["juliet@localhost"]]


def test_when_users_were_last_there_is_shown(world: World, bard: Client) -> None:
    """§4.9: as a DateTime of XEP-0082; now, for who is there."""
    world.connect("romeo").says("</stream:stream>")
    world.clock.advance(100)
    answer = answered(bard, "get-user-lastlogin", accountjids=("romeo@localhost", "bard@localhost", "juliet@localhost"))
    told = learns(answer)
    assert told["accountjids"] == ["romeo@localhost", "bard@localhost", "juliet@localhost"]
    assert told["lastlogin"] == ["2027-01-15T08:00:00Z", "2027-01-15T08:01:40Z", "never"]
