import pytest

from actors.commands import COMMANDS, CommandError
from tests.actors.commands.doing import TWO_DOMAINS, do
from tests.world import World


def test_reports_are_listed_by_domain_and_removed_one_by_one() -> None:
    world = World("romeo", sets=TWO_DOMAINS)
    report = "<report xmlns='urn:xmpp:reporting:1' reason='urn:xmpp:reporting:spam'><text>So much!</text></report>"
    for jid in ("a@example.org", "b@example.org"):
        world.connect("romeo").asks(
            "set", f"<block xmlns='urn:xmpp:blocking'><item jid='{jid}'>{report}</item></block>"
        )
    rows = do(world, "report list")
    assert [tuple(row) for row in rows] == [("id", "time", "reported", "reporter", "reason", "text", "messages")] * 2
    assert {key: rows[0][key] for key in ("time", "reported", "reporter", "reason", "text")} == {
        "time": "2027-01-15T08:00:00+00:00",
        "reported": "a@example.org",
        "reporter": "romeo@localhost",
        "reason": "urn:xmpp:reporting:spam",
        "text": "So much!",
    }
    assert set(COMMANDS["report list"].columns) == set(rows[0])
    assert do(world, "report list", domain="example.org") == []
    assert do(world, "report remove", id=rows[0]["id"]) == f"{rows[0]['id']} removed"
    assert do(world, "report list", domain="localhost") == rows[1:]
    with pytest.raises(CommandError, match="there is no report"):
        do(world, "report remove", id=rows[0]["id"])
