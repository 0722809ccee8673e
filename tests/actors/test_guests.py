"""Anonymous users (XEP-0175)."""

import uuid
from pathlib import Path

import pytest

from actors import commands
from actors.guests import Guests, GuestStorage
from actors.storage import Archive, Blobs, Entry, Map, Record, open_storage
from net.xmpp.jid import JID
from tests.couple import item, roster
from tests.scram import auth, refusal
from tests.world import Client, World, failure, settle

ALLOWED = "hosts.localhost.anonymous=true"
PRIVATE = "<query xmlns='jabber:iq:private'><x xmlns='urn:x'>{}</x></query>"
INFO = "http://jabber.org/protocol/disco#info"


def anonymous(world: World) -> Client:
    """A client that has logged in as nobody in particular."""
    client = world.wire().opens()
    client.hears()
    client.says(auth("ANONYMOUS")).opens()
    assert client.session.username is not None
    return client


def world(*users: str) -> World:
    return World(*users, sets=(ALLOWED,))


def test_nobody_logs_in_anonymously_where_it_is_not_allowed() -> None:
    client = World().wire().opens()
    assert "ANONYMOUS" not in client.raw
    assert refusal(client.says(auth("ANONYMOUS")).hears_one()) == "invalid-mechanism"


def test_nobody_logs_in_anonymously_before_tls_where_that_is_required() -> None:
    client = world().wire(secured=False).opens()
    assert "ANONYMOUS" not in client.raw
    assert refusal(client.says(auth("ANONYMOUS")).hears_one()) == "encryption-required"


def test_each_gets_a_name_that_nobody_has_had() -> None:
    here = world()
    names = {anonymous(here).session.username for _ in range(3)}
    assert len(names) == 3
    for name in names:
        uuid.UUID(name)


def test_the_trace_is_used_for_nothing() -> None:
    client = world("romeo").wire().opens()
    client.says(auth("ANONYMOUS", b"romeo"))
    assert "romeo" not in (client.session.username or "")
    assert "romeo" not in client.raw


def test_an_anonymous_user_talks_with_others() -> None:
    here = world("romeo")
    romeo, guest = here.available("romeo", "orchard"), anonymous(here).binds()
    guest.says("<presence/><message to='romeo@localhost' type='chat'><body>who am I?</body></message>")
    heard = romeo.hears_one()
    assert heard.get("from") == guest.jid
    romeo.says(f"<message to='{guest.jid}' type='chat'><body>nobody</body></message>")
    assert [node.findtext("{*}body") for node in guest.hears()][-1] == "nobody"


def test_an_anonymous_user_is_said_to_be_one() -> None:
    answer = anonymous(world()).binds().asks("get", f"<query xmlns='{INFO}'/>")
    assert answer[0][0].attrib == {"category": "account", "type": "anonymous"}


def test_while_the_session_lasts_there_are_a_roster_and_private_data() -> None:
    guest = anonymous(world("romeo")).binds()
    guest.asks("set", item(jid="romeo@localhost"))
    guest.asks("set", PRIVATE.format("mine"))
    assert list(roster(guest)) == ["romeo@localhost"]
    assert guest.asks("get", PRIVATE.format(""))[0][0].text == "mine"


@pytest.mark.parametrize("end", ["</stream:stream>", "<oops/>", ""])
def test_nothing_of_an_anonymous_user_is_stored_and_nothing_is_left_after_the_session(tmp_path: Path, end: str) -> None:
    here = World("romeo", sets=(ALLOWED, f'storage.url="sqlite:///{tmp_path}/db"', f'data_dir="{tmp_path}"'))
    guest = anonymous(here).binds()
    jid = guest.session.full_jid
    assert jid is not None
    guest.asks("set", item(jid="romeo@localhost"))
    guest.asks("set", PRIVATE.format("mine"))
    guest.says("<presence/>")
    guest.says(end) if end else guest.wire.cut()
    settle()
    assert not here.domain.accounts.exists(jid.bare)
    assert jid.bare not in here.domain.accounts.guests
    assert not here.domain.rosters.load(jid.bare).listed
    here.server.stop()
    assert jid.local.encode() not in b"".join(path.read_bytes() for path in tmp_path.iterdir() if path.is_file())


def test_contacts_see_the_subscription_end_with_the_session() -> None:
    here = world("romeo")
    romeo, guest = here.available("romeo"), anonymous(here).binds()
    guest.says("<presence/><presence type='subscribe' to='romeo@localhost'/>")
    romeo.says(f"<presence type='subscribed' to='{guest.jid and guest.jid.bare}'/>")
    romeo.hears()
    guest.wire.cut()
    assert "unsubscribe" in {node.get("type") for node in romeo.hears()}


def test_a_message_to_one_who_is_gone_comes_back() -> None:
    here = world("romeo")
    romeo, guest = here.available("romeo"), anonymous(here).binds()
    guest.says("<presence/></stream:stream>")
    romeo.says(f"<message to='{guest.jid}' type='chat'><body>still there?</body></message>")
    assert failure(romeo.hears_one()) == ("cancel", "service-unavailable")


@pytest.mark.parametrize("opened", [True, False])
def test_who_never_binds_a_resource_leaves_no_trace(opened: bool) -> None:
    client = world().wire().opens()
    client.says(auth("ANONYMOUS"))
    if opened:
        client.opens()
    client.wire.cut()
    settle()
    assert not client.world.domain.accounts.guests
    assert not client.world.router.sessions


def test_accounts_can_be_administered_beside_them() -> None:
    here = world("romeo")
    guest = anonymous(here).binds()
    assert list(here.domain.accounts) == ["romeo@localhost"]
    assert here.connect("romeo").jid is not None
    assert guest.jid is not None
    with pytest.raises(commands.CommandError):
        commands.run(here.server, {"command": "account disable", "arguments": {"jid": guest.jid.bare}})


def test_what_has_no_owner_or_another_one_lasts() -> None:
    lasting = open_storage("memory:")
    guests = Guests(JID.parse("localhost"))
    guest = guests.admit()
    storage = GuestStorage(lasting, guests)
    for owner in ("romeo@localhost", guest):
        storage.store("r", Record).put(owner, 1)
        storage.store("m", Map).change(owner, {"key": 2})
        storage.store("a", Archive).append(owner, Entry(1.0, "peer", 3))
    storage.store("b", Blobs).put("key", b"4")
    assert list(lasting.store("r", Record).owners()) == list(storage.store("r", Record).owners()) == ["romeo@localhost"]
    assert storage.store("m", Map).items(guest) == {"key": 2}
    assert lasting.store("m", Map).items(guest) == {}
    assert storage.store("a", Archive).extent(guest) is not None
    assert lasting.store("a", Archive).extent(guest) is None
    assert lasting.store("b", Blobs).get("key") == b"4"
    stores = [storage.store("r", Record), storage.store("m", Map), lasting.store("c", Record)]
    assert storage.glance(guest, stores) == storage.glance("romeo@localhost", stores) == [1, {"key": 2}, None]
    assert lasting.glance(guest, [lasting.store("r", Record)]) == [None]
    storage.forget(guest)
    assert storage.store("r", Record).get(guest) is None
    assert lasting.store("r", Record).get("romeo@localhost") == 1
