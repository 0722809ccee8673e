"""The client's side of SCRAM (RFC 5802), written from the RFC and independent of the server's."""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64decode, b64encode
from typing import Any

from lxml import etree

SASL = "urn:ietf:params:xml:ns:xmpp-sasl"


class Scram:
    """One exchange. `gs2` is the header that says what becomes of channel binding, `binding` the data for it."""

    def __init__(
        self, user: str, password: str, mechanism: str = "SCRAM-SHA-256", *, gs2: str = "n,,", binding: bytes = b""
    ) -> None:
        self.mechanism = mechanism
        self._hash = "sha256" if "256" in mechanism else "sha1"
        self._password = password
        self._bare = f"n={user},r=fyko+d2lbbFgONRv9qkxdawL"
        self._gs2 = gs2.encode()
        self._binding = binding
        self._verifier = b""

    def first(self) -> bytes:
        return self._gs2 + self._bare.encode()

    def final(self, server_first: bytes) -> bytes:
        fields = dict(field.split("=", 1) for field in server_first.decode().split(","))
        salt, rounds = b64decode(fields["s"]), int(fields["i"])
        salted = hashlib.pbkdf2_hmac(self._hash, self._password.encode(), salt, rounds)
        client_key = self._mac(salted, b"Client Key")
        unproved = f"c={b64encode(self._gs2 + self._binding).decode()},r={fields['r']}"
        signed = f"{self._bare},{server_first.decode()},{unproved}".encode()
        signature = self._mac(hashlib.new(self._hash, client_key).digest(), signed)
        proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
        self._verifier = self._mac(self._mac(salted, b"Server Key"), signed)
        return f"{unproved},p={b64encode(proof).decode()}".encode()

    def accepts(self, server_final: bytes) -> bool:
        """Whether the server has proved to know the account's keys."""
        return server_final == b"v=" + b64encode(self._verifier)

    def _mac(self, key: bytes, data: bytes) -> bytes:
        return hmac.digest(key, data, self._hash)

    # -- over a stream

    def begins(self, client: Any) -> bytes:
        """Sends the first message; returns the data of the challenge."""
        client.says(auth(self.mechanism, self.first()))
        return data_of(client.hears_one(), "challenge")

    def runs(self, client: Any) -> etree._Element:
        """The whole exchange; returns the last answer. A success has been checked."""
        client.says(response(self.final(self.begins(client))))
        answer = client.hears_one()
        if answer.tag == f"{{{SASL}}}success":
            assert self.accepts(data_of(answer, "success"))
        return answer


def auth(mechanism: str, data: bytes | None = None) -> str:
    return f"<auth xmlns='{SASL}' mechanism='{mechanism}'>{'' if data is None else b64encode(data).decode()}</auth>"


def response(data: bytes) -> str:
    return f"<response xmlns='{SASL}'>{b64encode(data).decode()}</response>"


def data_of(node: etree._Element, name: str) -> bytes:
    """The data in a <challenge/> or <success/>."""
    assert node.tag == f"{{{SASL}}}{name}", etree.tostring(node)
    return b64decode(node.text or "")


def refusal(node: etree._Element) -> str:
    """The condition in a <failure/>."""
    assert node.tag == f"{{{SASL}}}failure", etree.tostring(node)
    return etree.QName(node[0]).localname
