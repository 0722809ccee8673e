"""Makes XML of whatever bytes there are, for targets that are about what stands in it."""

from __future__ import annotations

from lxml import etree

from net.xmpp.xml import CLIENT, Element


def elements(data: bytes) -> list[Element]:
    """The elements that libxml2 can make out in these bytes; most of what a mutation breaks, it mends."""
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False, collect_ids=False)
    whole = b"<r xmlns='" + CLIENT.encode() + b"'>" + data.replace(b"\0", b"") + b"</r>"
    root = etree.fromstring(whole, parser)
    if root is None:
        return []
    etree.strip_elements(root, etree.Comment, etree.ProcessingInstruction, etree.Entity, with_tail=False)
    return [mended for node in root if (mended := _reread(node)) is not None]


def _reread(node: Element) -> Element | None:
    """None for what is beyond repair: it would end the stream of whoever sends it, which is another target's affair."""
    try:
        return etree.fromstring(etree.tostring(node, with_tail=False))
    except etree.XMLSyntaxError:
        return None
