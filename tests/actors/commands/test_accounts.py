import pytest

from actors.commands import CommandError
from tests.actors.commands.doing import TWO_DOMAINS, accounts, do
from tests.world import PASSWORD, World

JABBER = "{jabber:client}"


def test_an_added_account_can_log_in() -> None:
    world = World()
    assert do(world, "account add", jid="Romeo@LOCALHOST", password="montague") == "romeo@localhost added"
    client = world.wire().opens().logs_in("romeo", "montague").binds("orchard")
    assert client.jid == "romeo@localhost/orchard"


def test_an_account_added_while_somebody_writes_to_it_can_log_in() -> None:
    world = World("juliet")
    world.connect("juliet").says("<message to='romeo@localhost'><body>Wherefore?</body></message>")
    do(world, "account add", jid="romeo@localhost", password=PASSWORD)
    assert world.connect("romeo", "orchard").jid == "romeo@localhost/orchard"


@pytest.mark.parametrize(
    ("jid", "password", "reason"),
    [
        ("romeo@localhost", "x", "romeo@localhost exists already"),
        ("juliet@capulet.example", "x", "capulet.example is not served here; served: localhost"),
        ("localhost", "x", "'localhost' is not an account's address"),
        ("juliet@localhost/balcony", "x", "'juliet@localhost/balcony' is not an account's address"),
        ("ju liet@localhost", "x", "'ju liet@localhost' is not an account's address.*: localpart"),
        ("\ud800@localhost", "x", "is not an account's address"),
        ("", "x", "'' is not an account's address"),
        ("juliet@localhost", "", "the password is empty"),
        ("juliet@localhost", "\ud800", "the password is empty or has characters"),
        ("juliet@localhost", "a" * 513, "the password is longer than 512 bytes"),
    ],
)
def test_an_account_that_cannot_be_is_not_added(jid: str, password: str, reason: str) -> None:
    world = World("romeo")
    with pytest.raises(CommandError, match=reason):
        do(world, "account add", jid=jid, password=password)
    assert accounts(world) == ["romeo@localhost"]


def test_a_refused_password_is_neither_told_nor_printed(capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(CommandError) as refused:
        do(World(), "account add", jid="romeo@localhost", password="hunter2\0")
    assert "hunter2" not in str(refused.value)
    assert capfd.readouterr().err == ""


def test_accounts_are_listed_in_order_of_domain_and_name() -> None:
    world = World("romeo", "juliet", sets=TWO_DOMAINS)
    do(world, "account add", jid="nurse@example.org", password="x")
    assert accounts(world) == ["juliet@localhost", "romeo@localhost", "nurse@example.org"]
    assert do(world, "account list", domain="LOCALHOST") == [{"jid": "juliet@localhost"}, {"jid": "romeo@localhost"}]
    assert do(world, "account list", domain="example.org") == [{"jid": "nurse@example.org"}]


@pytest.mark.parametrize("domain", ["nowhere", "romeo@localhost", "a b"])
def test_accounts_of_what_is_no_domain_here_are_not_listed(domain: str) -> None:
    with pytest.raises(CommandError):
        do(World(), "account list", domain=domain)


def test_an_account_is_shown_with_when_its_owner_was_last_there() -> None:
    world = World("romeo")
    new = {"jid": "romeo@localhost", "created": "2027-01-15T08:00:00+00:00", "sessions": 0, "disabled": None}
    assert do(world, "account show", jid="Romeo@localhost") == {**new, "last_seen": None}
    romeo = world.connect("romeo")
    world.clock.advance(60)
    there = {**new, "last_seen": "2027-01-15T08:01:00+00:00"}
    assert do(world, "account show", jid="romeo@localhost") == {**there, "sessions": 1}
    romeo.says("</stream:stream>")
    world.clock.advance(60)
    assert do(world, "account show", jid="romeo@localhost") == there
    do(world, "account disable", jid="romeo@localhost", reason="spam")
    assert do(world, "account show", jid="romeo@localhost") == {**there, "disabled": "spam"}


def test_nobody_is_not_shown() -> None:
    with pytest.raises(CommandError, match="there is no account romeo@localhost"):
        do(World(), "account show", jid="romeo@localhost")


def test_a_new_password_replaces_the_old_one_and_sessions_go_on() -> None:
    world = World("romeo")
    romeo = world.connect("romeo")
    assert do(world, "account password", jid="romeo@localhost", password="new") == "romeo@localhost has a new password"
    assert not romeo.wire.closed
    assert "not-authorized" in world.wire().opens().logs_in("romeo", PASSWORD).raw
    assert world.wire().opens().logs_in("romeo", "new").binds().jid is not None


def test_nobody_gets_a_new_password() -> None:
    with pytest.raises(CommandError, match="there is no account romeo@localhost"):
        do(World(), "account password", jid="romeo@localhost", password="new")


def test_a_password_that_none_may_have_does_not_replace_one() -> None:
    world = World("romeo")
    with pytest.raises(CommandError, match="the password is empty"):
        do(world, "account password", jid="romeo@localhost", password="")
    assert world.connect("romeo").jid is not None


def test_a_removed_account_is_gone_when_the_command_answers() -> None:
    world = World("romeo", "juliet")
    assert do(world, "account remove", jid="Romeo@localhost") == "romeo@localhost removed"
    assert accounts(world) == ["juliet@localhost"]


def test_the_sessions_of_a_removed_account_end() -> None:
    world = World("romeo")
    romeo = world.available("romeo")
    do(world, "account remove", jid="romeo@localhost")
    assert romeo.hears_the_end() == "not-authorized"
    assert do(world, "session list") == []


def test_the_contacts_of_a_removed_account_are_told() -> None:
    world = World("romeo", "juliet")
    world.befriend("romeo", "juliet")
    juliet = world.available("juliet")
    do(world, "account remove", jid="romeo@localhost")
    presences = [(node.get("type"), node.get("from")) for node in juliet.hears() if node.tag == f"{JABBER}presence"]
    assert ("unsubscribe", "romeo@localhost") in presences
    assert ("unsubscribed", "romeo@localhost") in presences


def test_nobody_is_not_removed() -> None:
    with pytest.raises(CommandError, match="there is no account romeo@localhost"):
        do(World(), "account remove", jid="romeo@localhost")


def test_a_storage_that_fails_is_told_of_in_one_line() -> None:
    world = World("romeo")
    world.server.storage.close()
    for name, arguments in (("account list", {}), ("account remove", {"jid": "romeo@localhost"})):
        with pytest.raises(CommandError, match=f"^{name}: storage: closed$"):
            do(world, name, **arguments)
