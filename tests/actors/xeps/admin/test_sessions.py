from tests.actors.xeps.admin.doing import ADMIN, answered, asked, command, does, form, learns
from tests.couple import JULIET, ROMEO, relate
from tests.world import Client, World, failure


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
