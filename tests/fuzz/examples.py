"""What features are asked and told: examples to begin with, for `tests.fuzz.requests`."""

from __future__ import annotations

from collections.abc import Iterator

from actors.adhoc import Command
from net.xmpp.forms import Field
from tests.couple import ROMEO
from tests.fuzz.worlds import world

# Each paragraph is one conversation.
_CONVERSATIONS = """
<query xmlns='jabber:iq:roster' ver='1'>
<item jid='juliet@localhost' name='J' subscription='both'><group>Friends</group></item></query>

<query xmlns='jabber:iq:roster'><item jid='juliet@localhost' subscription='remove'/></query>

<query xmlns='jabber:iq:roster'/><query xmlns='jabber:iq:roster'><item jid='nurse@localhost'/></query>
<query xmlns='jabber:iq:roster' ver='%v'/>

<presence type='subscribe' to='juliet@localhost'><status>a</status></presence>
<presence from='juliet@localhost' type='subscribed' to='romeo@localhost'/>

<presence type='unsubscribed' to='juliet@localhost'/><presence type='probe' to='juliet@localhost'/>

<presence><priority>-1</priority><show>away</show></presence><presence type='unavailable'/><presence/>

<presence to='juliet@localhost/balcony'/><presence to='nobody@localhost'/><presence to='a@elsewhere'/>

<message to='juliet@localhost' type='chat'><body>a</body><active xmlns='http://jabber.org/protocol/chatstates'/>
<no-store xmlns='urn:xmpp:hints'/><stanza-id xmlns='urn:xmpp:sid:0' by='juliet@localhost' id='1'/></message>

<presence type='unavailable'/><message to='romeo@localhost'><body>later</body>
<delay xmlns='urn:xmpp:delay' from='elsewhere' stamp='2002-09-10T23:08:25Z'/></message><presence/>

<message type='headline' to='juliet@localhost'/><message type='groupchat' to='localhost'/><message type='error'/>

<iq type='result' id='1' to='juliet@localhost/balcony'/><iq type='get' id='2' to='juliet@localhost/balcony'><a/></iq>

<block xmlns='urn:xmpp:blocking'><item jid='juliet@localhost'><report xmlns='urn:xmpp:reporting:1'
reason='urn:xmpp:reporting:spam'><text xml:lang='en'>spam</text></report></item></block>
<message to='juliet@localhost'/><unblock xmlns='urn:xmpp:blocking'/>

<block xmlns='urn:xmpp:blocking'><item/></block><unblock xmlns='urn:xmpp:blocking'><item jid='@'/></unblock>

<blocklist xmlns='urn:xmpp:blocking'/><block xmlns='urn:xmpp:blocking'><item jid='elsewhere'/></block>

<query xmlns='jabber:iq:private'><storage xmlns='storage:bookmarks'><conference jid='a@b'/></storage></query>

<vCard xmlns='vcard-temp'><FN>Romeo</FN><N><GIVEN>R</GIVEN></N><EMAIL><USERID>r@m</USERID></EMAIL></vCard>
<query xmlns='jabber:iq:search'><first>r</first></query>

<query xmlns='jabber:iq:search'><x xmlns='jabber:x:data' type='submit'>
<field var='FORM_TYPE'><value>jabber:iq:search</value></field><field var='nick'><value>r</value></field></x></query>

<command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#announce'/>
<command xmlns='http://jabber.org/protocol/commands' node='http://jabber.org/protocol/admin#announce' sessionid='%s'/>
<command xmlns='http://jabber.org/protocol/commands' node='a' sessionid='%s' action='prev'/>

<query xmlns='http://jabber.org/protocol/disco#items' node='http://jabber.org/protocol/commands'/>

<query xmlns='http://jabber.org/protocol/disco#info' node='http://jabber.org/protocol/admin#add-user'/>

<query xmlns='jabber:iq:register'><username>romeo</username><password>a-new-password</password></query>

<query xmlns='jabber:iq:register'><remove/></query>

<iq from='juliet@localhost' type='get' id='l' to='romeo@localhost'><query xmlns='jabber:iq:last'/></iq>

<iq type='set' id='s'><session xmlns='urn:ietf:params:xml:ns:xmpp-session'/></iq>
"""

# By type of field, what is entered into the form of a command.
_ENTERED = {
    "boolean": ("1",),
    "jid-multi": ("juliet@localhost", "nobody@localhost"),
    "jid-single": ("juliet@localhost",),
    "text-multi": ("one", "two &lt;"),
    "text-private": ("a-new-password",),
}


def examples() -> Iterator[bytes]:
    """Conversations, in the form that `tests.fuzz.requests` takes; one for each payload and command that there is."""
    hooks = world().domain.hooks
    for feature in hooks.features:
        for handler in vars(type(feature)).values():
            for asked in getattr(handler, "asks", ()):
                namespace, _, local = asked.payload[1:].partition("}")
                yield f"<{local} xmlns='{namespace}'/>".encode()
    for declared in hooks.commands:
        for command in declared():
            yield _carried_out(command).encode()
    for conversation in _CONVERSATIONS.split("\n\n"):
        yield conversation.strip().encode()


def _carried_out(command: Command) -> str:
    """An ad-hoc command from beginning to end."""
    head = f"<command xmlns='http://jabber.org/protocol/commands' node='{command.node}'"
    stage = command.stage(ROMEO, [])
    if stage is None:
        return f"{head}/>"
    fields = "".join(map(_filled_in, stage.form.fields))
    form = f"<x xmlns='jabber:x:data' type='submit'>{fields}</x>"
    return f"{head} action='execute'/>{head} sessionid='%s' action='complete'>{form}</command>"


def _filled_in(field: Field) -> str:
    listed = tuple(option.value for option in field.options[:1])
    values = "".join(f"<value>{value}</value>" for value in listed or _ENTERED.get(field.type, ("text",)))
    return f"<field var='{field.var}'>{values}</field>"
