"""The vocabulary of XEP-0198, Stream Management: what its elements are called, and how they are written and read."""

from __future__ import annotations

from net.xmpp.errors import STANZAS
from net.xmpp.xml import Element, element, escape

NAMESPACE = "urn:xmpp:sm:3"

ENABLE = f"{{{NAMESPACE}}}enable"
RESUME = f"{{{NAMESPACE}}}resume"
REQUEST = f"{{{NAMESPACE}}}r"
ACK = f"{{{NAMESPACE}}}a"

FEATURE = f'<sm xmlns="{NAMESPACE}"/>'.encode()
ASKING = f'<r xmlns="{NAMESPACE}"/>'.encode()

_LARGEST = (1 << 32) - 1


def count(text: str | None) -> int | None:
    """An `h` (§10: xs:unsignedInt); None for anything else."""
    if text is None or not (text.isascii() and text.isdigit()) or len(text) > 10 or int(text) > _LARGEST:
        return None
    return int(text)


def wish(text: str | None) -> int | None:
    """A `max` in seconds (§10: xs:positiveInteger, of any length); None for anything else."""
    if text is None or not (text.isascii() and text.isdigit()) or not text.strip("0"):
        return None
    return int(text[-10:]) if len(text.lstrip("0")) <= 10 else _LARGEST


def truth(text: str | None) -> bool | None:
    """An xs:boolean, False when it is absent; None for anything else."""
    return {None: False, "0": False, "false": False, "1": True, "true": True}.get(text)


def enabled(previd: str = "", *, most: int = 0, location: str = "") -> bytes:
    """<enabled/> (§3); `previd`: by what the stream can be resumed, "" if it cannot. `most`: for so many seconds."""
    attributes = {"id": previd, "resume": "true", "max": str(most), "location": location} if previd else {}
    written = "".join(f' {name}="{escape(value)}"' for name, value in attributes.items() if value)
    return f'<enabled xmlns="{NAMESPACE}"{written}/>'.encode()


def failed(condition: str, h: int | None = None) -> bytes:
    """<failed/> (§5, §6); `h`: so many stanzas had been handled when the stream ended."""
    known = "" if h is None else f' h="{h % (1 << 32)}"'
    return f'<failed xmlns="{NAMESPACE}"{known}><{condition} xmlns="{STANZAS}"/></failed>'.encode()


def resumed(previd: str, h: int) -> bytes:
    """<resumed/> (§5)."""
    return f'<resumed xmlns="{NAMESPACE}" h="{h % (1 << 32)}" previd="{escape(previd)}"/>'.encode()


def ack(h: int) -> bytes:
    """<a/> (§4)."""
    return f'<a xmlns="{NAMESPACE}" h="{h % (1 << 32)}"/>'.encode()


def too_high(h: int, sent: int) -> Element:
    """What a stream error says of an acknowledgement of what was never sent (§6)."""
    return element(f"{{{NAMESPACE}}}handled-count-too-high", None, h=str(h), **{"send-count": str(sent)})
