import pytest

from actors.commands import COMMANDS, CommandError
from actors.roster import RosterItem
from net.xmpp.jid import JID
from tests.actors.commands.doing import do
from tests.couple import JULIET, ROMEO, relate
from tests.world import World


def test_the_contacts_of_an_account_are_shown() -> None:
    world = World("romeo", "juliet")
    relate(world, ROMEO, JULIET, "to", approved=True)
    rosters = world.domain.rosters
    nurse = RosterItem("none + pending out", name="Nurse", groups=("House", "Capulet"), listed=True)
    rosters.change(ROMEO, rosters.load(ROMEO), JID.parse("nurse@example.org"), nurse)
    plain = {"name": "", "groups": [], "ask": False, "pending_in": False, "listed": True}
    rows = do(world, "roster show", jid="Romeo@localhost")
    assert tuple(rows[0]) == COMMANDS["roster show"].columns
    assert rows == [
        {**plain, "jid": "juliet@localhost", "subscription": "to", "approved": True},
        {
            **plain,
            "jid": "nurse@example.org",
            "name": "Nurse",
            "groups": ["House", "Capulet"],
            "subscription": "none",
            "ask": True,
            "approved": False,
        },
    ]


def test_a_request_that_waits_is_shown_though_it_is_in_no_roster() -> None:
    world = World("romeo", "juliet")
    world.connect("romeo").says("<presence type='subscribe' to='juliet@localhost'/>")
    (row,) = do(world, "roster show", jid="juliet@localhost")
    assert (row["jid"], row["listed"], row["subscription"], row["pending_in"]) == (
        "romeo@localhost",
        False,
        "none",
        True,
    )


@pytest.mark.parametrize(
    ("jid", "reason"),
    [
        ("nobody@localhost", "there is no account nobody@localhost"),
        ("romeo@nowhere.example", "nowhere.example is not served here"),
        ("romeo@localhost/orchard", "is not an account's address"),
    ],
)
def test_nobody_has_no_roster(jid: str, reason: str) -> None:
    with pytest.raises(CommandError, match=reason):
        do(World("romeo"), "roster show", jid=jid)
