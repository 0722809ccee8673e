"""Makes XML of whatever bytes there are, for targets that are about what stands in it."""

from __future__ import annotations

from lxml import etree

from net.xmpp.xml import CLIENT, Element


def elements(data: bytes) -> list[Element]:
    """The elements that libxml2 can make out in these bytes; most of what a mutation breaks, it mends."""
    parser = etree.XMLParser(recover=True, resolve_entities=False, no_network=True, load_dtd=False, collect_ids=False)
    root = etree.fromstring(b"<r xmlns='" + CLIENT.encode() + b"'>" + data + b"</r>", parser)
    if root is None:
        return []
    return [mended for node in root if isinstance(node.tag, str) and (mended := _mended(node)) is not None]


def _mended(node: Element) -> Element | None:
    """None for what is beyond repair: it would end the stream of whoever sends it, which is another target's affair."""
    for odd in [odd for odd in node.iter() if not isinstance(odd.tag, str)]:
        parent = odd.getparent()
        if parent is not None:
            parent.remove(odd)
    try:
        return etree.fromstring(etree.tostring(node, with_tail=False))
    except etree.XMLSyntaxError:
        return None
