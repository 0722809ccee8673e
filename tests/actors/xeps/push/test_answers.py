"""What app servers are told, what they answer, and what comes of it."""

from typing import Any

import pytest

from actors.storage import StorageError
from actors.xeps.push.devices import Registrations
from tests.actors.commands.doing import do
from tests.actors.xeps.push.pushing import (
    FORM,
    JULIET,
    LONG,
    SERVICE,
    AppServer,
    a_world,
    chat,
    enables,
    error,
    leaves,
)
from tests.world import World


def device(world: World) -> dict[str, Any]:
    found: list[dict[str, Any]] = do(world, "push list", jid=JULIET)
    (row,) = found
    return row


def result(world: World) -> tuple[str, bool, int]:
    row = device(world)
    return row["result"], row["enabled"], row["errors"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("nothing", None),
        ("count", {"message-count": "1"}),
        ("sender", {"message-count": "1", "last-message-sender": "romeo@localhost/orchard"}),
        (
            "body",
            {
                "message-count": "1",
                "last-message-sender": "romeo@localhost/orchard",
                "last-message-body": "Art thou <not> Romeo?",
            },
        ),
    ],
)
def test_the_host_says_how_much_is_told(content: str, told: dict[str, str] | None) -> None:
    _, app_server, romeo = a_world(f'hosts.localhost.push_summary="{content}"')
    romeo.says(chat("Art thou &lt;not&gt; Romeo?"))
    (push,) = app_server.pushes()
    assert push.form == (None if told is None else {"FORM_TYPE": "urn:xmpp:push:summary", **told})


def test_a_long_message_is_cut_short() -> None:
    _, app_server, romeo = a_world('hosts.localhost.push_summary="body"')
    romeo.says(chat("ä" * 1000))
    (push,) = app_server.pushes()
    assert push.form is not None
    assert push.form["last-message-body"] == "ä" * 500


def test_the_last_message_of_a_burst_is_told() -> None:
    world, app_server, romeo = a_world('hosts.localhost.push_summary="body"')
    for text in ("one", "two", "three"):
        romeo.says(chat(text))
    world.clock.advance(LONG)
    assert [(push.form or {})["last-message-body"] for push in app_server.pushes()] == ["one", "three"]


def test_an_answer_counts_that_comes_after_the_next_push() -> None:
    world, app_server, romeo = a_world()
    romeo.says(chat())
    (slow,) = app_server.pushes(None)
    world.clock.advance(LONG)
    romeo.says(chat("another"))
    assert len(app_server.pushes(None)) == 1
    app_server.answers(slow, error("item-not-found"))
    assert result(world) == ("item-not-found", False, 1)


def test_who_asks_to_subscribe_is_counted() -> None:
    _, app_server, romeo = a_world()
    romeo.says(f"<presence type='subscribe' to='{JULIET}'/>").says(chat())
    (push,) = app_server.pushes()
    assert push.form is not None
    assert push.form["pending-subscription-count"] == "1"


def test_the_form_of_the_client_goes_along() -> None:
    world = World("juliet", "romeo", "nurse")
    app_server = AppServer(world)
    leaves(enables(world.available("juliet"), inside=FORM))
    world.available("romeo").says(chat())
    (push,) = app_server.pushes()
    assert push.options == {
        "FORM_TYPE": "http://jabber.org/protocol/pubsub#publish-options",
        "secret": "eruio234vzxc2kla-91",
    }


def test_a_result_is_remembered() -> None:
    world, app_server, romeo = a_world()
    assert (device(world)["tried"], device(world)["result"]) == (None, "")
    romeo.says(chat())
    app_server.pushes()
    row = device(world)
    assert (row["app_server"], row["node"], row["resource"]) == (SERVICE, "yxs32", "phone")
    assert (row["tried"], row["result"]) == ("2027-01-15T08:00:00+00:00", "accepted")


@pytest.mark.parametrize("condition", ["item-not-found", "not-allowed", "forbidden", "remote-server-not-found", "gone"])
def test_a_device_that_is_gone_is_not_called_again_until_its_client_enables_it(condition: str) -> None:
    world, app_server, romeo = a_world()
    romeo.says(chat())
    app_server.pushes(error(condition))
    assert result(world) == (condition, False, 1)
    world.clock.advance(LONG)
    romeo.says(chat())
    assert app_server.counts == []
    leaves(enables(world.available("juliet", "phone")))
    assert result(world) == ("", True, 0)
    romeo.says(chat())
    assert app_server.counts == ["1"]


def test_so_it_stays_when_the_user_has_left_memory() -> None:
    world, app_server, romeo = a_world()
    romeo.says(chat())
    app_server.pushes(error("item-not-found"))
    for _ in range(4):
        world.clock.advance(20)
    romeo.says(chat())
    assert app_server.counts == []


def test_an_app_server_that_cannot_be_reached_is_given_up() -> None:
    """There are no streams to other servers yet."""
    world = World("juliet", "romeo")
    leaves(enables(world.available("juliet"), jid="push.example.net"))
    world.available("romeo").says(chat())
    assert result(world) == ("remote-server-not-found", False, 1)


@pytest.mark.parametrize(
    "answer", [error("internal-server-error"), error("item-not-found", "wait"), error("service-unavailable")]
)
def test_an_error_that_may_pass_means_something_when_there_are_many(answer: str) -> None:
    world, app_server, romeo = a_world()
    for times in range(9):
        romeo.says(chat())
        assert len(app_server.pushes(answer)) == 1
        assert result(world)[1:] == (True, times + 1)
        world.clock.advance(LONG)
    romeo.says(chat())
    app_server.pushes(answer)
    assert result(world)[1:] == (False, 10)


def test_a_result_makes_up_for_the_errors_before_it() -> None:
    world, app_server, romeo = a_world()
    romeo.says(chat())
    app_server.pushes(error("internal-server-error"))
    world.clock.advance(LONG)
    romeo.says(chat())
    app_server.pushes()
    assert result(world) == ("accepted", True, 0)


@pytest.mark.parametrize("answer", ["<error/>", "<error type='cancel'><nonsense xmlns='a'/></error>", "<x xmlns='y'/>"])
def test_an_error_that_nobody_knows_is_an_error(answer: str) -> None:
    world, app_server, romeo = a_world()
    romeo.says(chat())
    app_server.pushes(answer)
    assert result(world) == ("undefined-condition", False, 1)


def test_no_answer_is_none_until_there_is_one() -> None:
    world, app_server, romeo = a_world()
    romeo.says(chat())
    (push,) = app_server.pushes(None)
    world.clock.advance(LONG)
    assert result(world) == ("no answer", True, 0)
    app_server.answers(push)
    assert result(world) == ("accepted", True, 0)


def test_only_the_app_server_itself_is_believed() -> None:
    world, app_server, romeo = a_world()
    romeo.says(chat())
    (push,) = app_server.pushes(None)
    gone = error("item-not-found")
    romeo.says(f"<iq type='error' id='{push.id}' to='{JULIET}'>{gone}</iq>")
    app_server.client.says(f"<iq type='error' id='another' to='{JULIET}'>{gone}</iq>")
    app_server.client.says(f"<iq type='error' id='' to='{JULIET}'>{gone}</iq>")
    other = world.available("nurse", "other")
    other.says(f"<iq type='error' id='{push.id}' to='{JULIET}'>{gone}</iq>")
    assert result(world) == ("", True, 0)
    app_server.answers(push)
    app_server.answers(push, gone)
    assert result(world) == ("accepted", True, 0)


def test_each_push_has_an_id_of_its_own() -> None:
    world, app_server, romeo = a_world()
    romeo.says(chat()).says(chat())
    first = app_server.pushes()
    world.clock.advance(LONG)
    (second,) = app_server.pushes(None)
    assert second.id != first[0].id
    app_server.answers(first[0], error("item-not-found"))
    assert result(world)[1] is True


AFFILIATION = (
    "<message to='juliet@localhost'><pubsub xmlns='http://jabber.org/protocol/pubsub' node='{}'>"
    "<affiliation jid='{}' affiliation='{}'/></pubsub></message>"
)


def test_an_app_server_may_say_that_it_wants_no_more() -> None:
    world, app_server, romeo = a_world()
    app_server.client.says(AFFILIATION.format("yxs32", JULIET, "none"))
    assert result(world) == ("affiliation withdrawn", False, 1)
    romeo.says(chat())
    assert app_server.counts == []
    juliet = world.available("juliet")
    assert all(node[0].tag == "{jabber:client}body" for node in juliet.hears() if node.tag.endswith("}message"))


@pytest.mark.parametrize(
    ("node", "jid", "affiliation"),
    [("other", JULIET, "none"), ("yxs32", "romeo@localhost", "none"), ("yxs32", JULIET, "publish-only")],
)
def test_another_affiliation_changes_nothing(node: str, jid: str, affiliation: str) -> None:
    world, app_server, _ = a_world()
    app_server.client.says(AFFILIATION.format(node, jid, affiliation))
    assert result(world)[1] is True


def test_nobody_else_takes_an_affiliation_away() -> None:
    world, _, romeo = a_world()
    romeo.says(AFFILIATION.format("yxs32", JULIET, "none"))
    assert result(world)[1] is True


def test_a_result_that_cannot_be_stored_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(*_: object) -> None:
        raise StorageError("the disk is gone")

    world, app_server, romeo = a_world()
    monkeypatch.setattr(Registrations, "put", fails)
    romeo.says(chat())
    app_server.pushes()
    world.clock.advance(LONG)
    romeo.says(chat())
    assert app_server.counts == ["2"]
