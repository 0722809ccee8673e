from net.xmpp.forwarding import forwarded
from net.xmpp.jid import JID
from net.xmpp.stanza import Stanza
from net.xmpp.xml import element

MESSAGE = Stanza(
    "message",
    type="chat",
    id="1",
    lang="it",
    from_=JID.parse("juliet@capulet.lit/orchard"),
    to=JID.parse("romeo@montague.lit"),
    content=element("message", None, element("body", "soft")),
)


def test_a_forwarded_stanza_is_whole_and_names_its_own_namespace() -> None:
    assert forwarded(MESSAGE) == (
        b'<forwarded xmlns="urn:xmpp:forward:0">'
        b'<message xmlns="jabber:client" to="romeo@montague.lit" from="juliet@capulet.lit/orchard" id="1" type="chat"'
        b' xml:lang="it"><body>soft</body></message></forwarded>'
    )
