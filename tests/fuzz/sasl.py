"""SASL exchanges: nobody gets in without the password, and no message is an error of ours.

The first line of the input is the mechanism, each further one a message of the client's. In it, "%n" stands for the
nonce that the server has sent last, "%p" for the proof that the password gives.
"""

from __future__ import annotations

import hashlib
import hmac
from base64 import b64encode
from typing import get_args

from net.xmpp.jid import JID, JIDMalformed
from net.xmpp.sasl import (
    MECHANISMS,
    Anonymous,
    Answer,
    Certified,
    Challenge,
    Condition,
    Hash,
    Lookup,
    Offer,
    SASLError,
    ScramKeys,
    Success,
    VerifyPassword,
    decode,
    decoy,
    derive,
    encode,
    verify_password,
)

DOMAIN = "localhost"
PASSWORD = "secret"
ROUNDS = 1
KEYS: dict[Hash, ScramKeys] = {hash: derive(hash, PASSWORD, b"0123456789abcdef", ROUNDS) for hash in get_args(Hash)}
CERTIFIED = ("romeo@localhost", "benvolio@localhost", "mercutio@elsewhere")
OFFERS = tuple(
    Offer(DOMAIN, secure, bindings, anonymous=anonymous, certified=certified)
    for secure, bindings, anonymous, certified in (
        (True, {"tls-server-end-point": b"digest"}, True, CERTIFIED),
        (True, {}, False, CERTIFIED[:1]),
        (False, {}, False, None),
    )
)

_FINAL = b"c=biws,r=%n,p=%p"
SEEDS = (
    b"PLAIN\n\0romeo\0secret",
    b"PLAIN\nromeo@localhost\0romeo\0secret",
    b"PLAIN\n\n\0juliet\0secret",
    b"ANONYMOUS\ntrace",
    b"EXTERNAL\n\nbenvolio@localhost",
    b"SCRAM-SHA-1\nn,,n=romeo,r=abc\n" + _FINAL,
    b"SCRAM-SHA-256\ny,a=romeo@localhost,n=romeo,r=abc,x=ext\nc=eSxhPXJvbWVvQGxvY2FsaG9zdCw=,r=%n,x=y,p=%p",
    b"SCRAM-SHA-256\nn,,n=ju=2Cli=3Det,r=abc\n" + _FINAL,
    b"SCRAM-SHA-256-PLUS\np=tls-server-end-point,,n=romeo,r=abc\nc=cD10bHMtc2VydmVyLWVuZC1wb2ludCwsZGlnZXN0,r=%n,p=%p",
    b"SCRAM-SHA-1-PLUS\np=tls-unique,,n=romeo,r=abc\n" + _FINAL,
    b"SCRAM-SHA-1\nn,,n=romeo,r=abc\nc=biws,r=%n,p=AAAA",
    b"SCRAM-SHA-1\nn,,m=ext,n=romeo,r=abc\n=",
)


def attempt(data: bytes) -> None:
    mechanism, *messages = data.split(b"\n")
    _decoded(data.decode(errors="replace"))
    for offer in OFFERS:
        assert set(offer.mechanisms) <= {*MECHANISMS, "ANONYMOUS", "EXTERNAL"}
        _Exchange(offer, mechanism.decode(errors="replace")).run(messages)


def _decoded(text: str) -> None:
    try:
        message = decode(text)
    except SASLError as error:
        _is_known(error)
    else:
        assert text in ("", "=") or encode(message) == text


def _is_known(error: SASLError) -> None:
    assert error.condition in get_args(Condition)
    assert error.text.isascii()


class _Exchange:
    """One exchange of an offer's, with all that the client says in it."""

    def __init__(self, offer: Offer, mechanism: str) -> None:
        self._offer = offer
        self._mechanism = mechanism
        self._username = ""
        self._bare = self._challenge = b""  # SCRAM's client-first-message-bare and server-first-message
        self._keys = KEYS["SHA-1"]
        self._proved = False

    def run(self, messages: list[bytes]) -> None:
        said = iter(messages)
        first = next(said, None)
        try:
            answer = self._settled(self._offer.begin(self._mechanism, first), first or b"")
            while isinstance(answer, Challenge):
                self._challenge = answer.data
                message = self._filled_in(next(said, b""))
                answer = self._settled(answer.step(message), message)
        except SASLError as error:
            _is_known(error)
        else:
            assert self._proved, answer

    def _settled(self, answer: Answer, message: bytes) -> Challenge | Success:
        """With what the server looks up for it."""
        match answer:
            case Lookup(username, hash):
                self._bare = message.split(b",", 2)[2]
                self._keys = _keys(username, hash)
                return answer.supply(self._keys)
            case VerifyPassword(username, password):
                self._proved = _is_romeo(username) and password == PASSWORD
                return answer.supply(verified=verify_password(_keys(username, "SHA-256"), password))
            case Certified(username):
                self._proved = f"{username}@{DOMAIN}" in (self._offer.certified or ())
                return answer.supply(exists=True)
            case Anonymous():
                self._proved = self._offer.anonymous
                return answer.supply("guest")
        return answer

    def _filled_in(self, message: bytes) -> bytes:
        fields = dict(field.partition(b"=")[::2] for field in self._challenge.split(b","))
        message = message.replace(b"%n", fields.get(b"r", b""))
        unproved, comma, proof = message.rpartition(b",p=")
        if not comma or proof != b"%p":
            return message
        self._proved = self._keys in KEYS.values()
        return unproved + comma + b64encode(self._proof(unproved))

    def _proof(self, unproved: bytes) -> bytes:
        """RFC 5802 §3, by one who knows the password but not the keys."""
        hash = self._keys.hash.replace("-", "").lower()
        salted = hashlib.pbkdf2_hmac(hash, PASSWORD.encode(), self._keys.salt, ROUNDS)
        client_key = hmac.digest(salted, b"Client Key", hash)
        signed = b",".join((self._bare, self._challenge, unproved))
        signature = hmac.digest(hashlib.new(hash, client_key).digest(), signed, hash)
        return bytes(a ^ b for a, b in zip(client_key, signature, strict=True))


def _is_romeo(username: str) -> bool:
    try:
        return JID.of(username, DOMAIN) == JID.parse(f"romeo@{DOMAIN}")
    except JIDMalformed:
        return False


def _keys(username: str, hash: Hash) -> ScramKeys:
    return KEYS[hash] if _is_romeo(username) else decoy(b"secret", hash, username, (ROUNDS,))
