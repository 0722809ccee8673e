from net.xmpp.hints import hinted
from net.xmpp.stanza import Stanza

NO_STORE = b"<body>x</body><no-store xmlns='urn:xmpp:hints'/>"


def test_a_hint_is_found_by_its_name() -> None:
    message = Stanza("message", body=NO_STORE)
    assert hinted(message, "no-store")
    assert not hinted(message, "no-copy")
    assert not hinted(Stanza("message", body=b"<body>urn:xmpp:hints</body>"), "no-store")


def test_hints_in_errors_mean_nothing() -> None:
    """§5: they are only what was sent."""
    assert not hinted(Stanza("message", type="error", body=NO_STORE), "no-store")
