import hashlib
import hmac
from base64 import b64decode, b64encode
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from net.xmpp.sasl import Challenge, Hash, Lookup, Offer, SASLError, ScramKeys, Success, decoy, derive
from net.xmpp.sasl.scram import SCRAM, Scram, Variant

BINDINGS = {"tls-server-end-point": b"digest of the certificate"}
RIGHT = "r0m30"
SALT = b"0123456789abcdef"
KEYS = {variant.hash: derive(variant.hash, RIGHT, SALT, 10) for variant in SCRAM.values()}
NAMES = list(SCRAM)
PLUS = [name for name in NAMES if SCRAM[name].plus]
UNBOUND = [name for name in NAMES if not SCRAM[name].plus]


def scram(name: str, *, plus_offered: bool = True) -> Scram:
    return Scram(SCRAM[name], "example.org", BINDINGS, plus_offered, nonce=lambda: "SERVER")


def header(name: str) -> str:
    return "p=tls-server-end-point,," if SCRAM[name].plus else "n,,"


def challenged(name: str, keys: ScramKeys | None = None) -> Challenge:
    lookup = scram(name).first(f"{header(name)}n=juliet,r=CLIENT".encode())
    return lookup.supply(keys or KEYS[lookup.hash])


def bound(name: str) -> bytes:
    return header(name).encode() + (BINDINGS["tls-server-end-point"] if SCRAM[name].plus else b"")


def proved(algorithm: Hash, password: str, challenge: bytes, unproved: str, bare: str = "n=juliet,r=CLIENT") -> bytes:
    """The client's final message: a second, straightforward reading of RFC 5802 §3."""
    kind = {"SHA-1": "sha1", "SHA-256": "sha256"}[algorithm]
    attributes = dict(part.split("=", 1) for part in challenge.decode().split(","))
    salted = hashlib.pbkdf2_hmac(kind, password.encode(), b64decode(attributes["s"]), int(attributes["i"]))
    client_key = hmac.digest(salted, b"Client Key", kind)
    signature = hmac.digest(
        hashlib.new(kind, client_key).digest(), f"{bare},{challenge.decode()},{unproved}".encode(), kind
    )
    proof = bytes(a ^ b for a, b in zip(client_key, signature, strict=True))
    return f"{unproved},p={b64encode(proof).decode()}".encode()


def final(name: str, challenge: bytes, password: str = RIGHT, binding: bytes | None = None) -> bytes:
    encoded = b64encode(bound(name) if binding is None else binding).decode()
    return proved(SCRAM[name].hash, password, challenge, f"c={encoded},r=CLIENTSERVER")


def refused(challenge: Challenge, data: bytes | None) -> SASLError:
    with pytest.raises(SASLError) as refusal:
        challenge.step(data)
    return refusal.value


def test_the_exchange_of_rfc_5802_section_5() -> None:
    lookup = Scram(
        Variant("SHA-1", plus=False), "example.org", {}, plus_offered=False, nonce=lambda: "3rfcNHYJY1ZVvWVs7j"
    ).first(b"n,,n=user,r=fyko+d2lbbFgONRv9qkxdawL")
    assert (lookup.username, lookup.hash) == ("user", "SHA-1")
    challenge = lookup.supply(derive("SHA-1", "pencil", b64decode("QSXCR+Q6sek8bf92"), 4096))
    assert challenge.data == b"r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,s=QSXCR+Q6sek8bf92,i=4096"
    assert challenge.step(
        b"c=biws,r=fyko+d2lbbFgONRv9qkxdawL3rfcNHYJY1ZVvWVs7j,p=v0X8v3Bz2T0CJGbJQyF0X+HI4Ts="
    ) == Success("user", b"v=rmF9pqV8S7suAoZWja4dJRkFsKQ=")


@pytest.mark.parametrize(
    ("bindings", "advertised"),
    [
        ({"tls-exporter": b"", "tls-server-end-point": b""}, "h=G6k/rBLDqgOhRRaCuuatSDFkJ08="),  # XEP-0474 §6.3
        ({}, f"h={b64encode(hashlib.sha1(b'SCRAM-SHA-1').digest()).decode()}"),
    ],
)
def test_what_was_offered_goes_along_as_a_hash(bindings: dict[str, bytes], advertised: str) -> None:
    offer = Offer("example.org", True, bindings, ["SCRAM-SHA-1", "SCRAM-SHA-1-PLUS"])
    lookup = offer.begin("SCRAM-SHA-1", b"n,,n=juliet,r=CLIENT")
    assert isinstance(lookup, Lookup)
    assert lookup.supply(KEYS["SHA-1"]).data.decode().split(",")[3:] == [advertised]


def test_a_client_that_was_told_another_hash_cannot_log_in() -> None:
    lookup = Offer("example.org", True).begin("SCRAM-SHA-256", b"n,,n=juliet,r=CLIENT")
    assert isinstance(lookup, Lookup)
    challenge = lookup.supply(KEYS["SHA-256"])
    fields = challenge.data.decode().split(",")
    unproved = f"c=biws,{fields[0]}"
    forged = ",".join([*fields[:3], "h=Zm9yZ2Vk"]).encode()
    assert refused(challenge, proved("SHA-256", RIGHT, forged, unproved)).condition == "not-authorized"
    right = challenge.step(proved("SHA-256", RIGHT, challenge.data, unproved))
    assert isinstance(right, Success)


def test_the_exchange_of_rfc_7677_section_3() -> None:
    server = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0"
    lookup = Scram(Variant("SHA-256", plus=False), "example.org", {}, plus_offered=False, nonce=lambda: server).first(
        b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO"
    )
    assert (lookup.username, lookup.hash) == ("user", "SHA-256")
    challenge = lookup.supply(derive("SHA-256", "pencil", b64decode("W22ZaJ0SNY7soEsUEjb6gQ=="), 4096))
    assert challenge.data == b"r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"
    assert challenge.step(
        b"c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ="
    ) == Success("user", b"v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=")


@pytest.mark.parametrize("name", NAMES)
def test_who_knows_the_password_is_let_in_and_told_that_the_server_knows_it_too(name: str) -> None:
    challenge = challenged(name)
    success = challenge.step(final(name, challenge.data))
    assert isinstance(success, Success)
    assert success.username == "juliet"
    assert success.data is not None
    assert success.data.startswith(b"v=")


@pytest.mark.parametrize("name", NAMES)
def test_a_wrong_password_and_an_unknown_account_end_alike(name: str) -> None:
    endings = []
    for keys in (KEYS[SCRAM[name].hash], decoy(b"secret", SCRAM[name].hash, "juliet@example.org", [10])):
        challenge = challenged(name, keys)
        error = refused(challenge, final(name, challenge.data, "wrong"))
        endings.append((len(challenge.data), error.condition, error.text))
    assert endings[0] == endings[1]
    assert endings[0][1:] == ("not-authorized", "")


@pytest.mark.parametrize("name", PLUS)
@pytest.mark.parametrize("data", [b"", b"digest of another certificate"])
def test_a_client_bound_to_another_channel_is_refused(name: str, data: bytes) -> None:
    challenge = challenged(name)
    assert refused(challenge, final(name, challenge.data, binding=header(name).encode() + data)).condition == (
        "not-authorized"
    )


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("other", ["y,,", "n,a=juliet@example.org,"])
def test_a_header_other_than_the_first_is_refused(name: str, other: str) -> None:
    challenge = challenged(name)
    binding = bound(name).replace(header(name).encode(), other.encode())
    assert refused(challenge, final(name, challenge.data, binding=binding)).condition == "not-authorized"


@pytest.mark.parametrize("name", UNBOUND)
def test_y_where_plus_was_offered_is_a_downgrade(name: str) -> None:
    with pytest.raises(SASLError) as refusal:
        scram(name, plus_offered=True).first(b"y,,n=juliet,r=CLIENT")
    assert refusal.value.condition == "not-authorized"


@pytest.mark.parametrize("name", UNBOUND)
def test_y_where_plus_was_not_offered_lets_in(name: str) -> None:
    algorithm = SCRAM[name].hash
    challenge = scram(name, plus_offered=False).first(b"y,,n=juliet,r=CLIENT").supply(KEYS[algorithm])
    success = challenge.step(proved(algorithm, RIGHT, challenge.data, "c=eSws,r=CLIENTSERVER"))
    assert isinstance(success, Success)


def test_a_type_of_binding_that_is_not_supported_is_refused() -> None:
    with pytest.raises(SASLError) as refusal:
        scram("SCRAM-SHA-1-PLUS").first(b"p=tls-unique,,n=juliet,r=CLIENT")
    assert refusal.value.condition == "not-authorized"


@pytest.mark.parametrize(
    ("name", "flag"),
    [
        ("SCRAM-SHA-1-PLUS", "n"),
        ("SCRAM-SHA-1-PLUS", "y"),
        ("SCRAM-SHA-1", "p=tls-server-end-point"),
    ],
)
def test_a_flag_that_does_not_go_with_the_mechanism_is_malformed(name: str, flag: str) -> None:
    with pytest.raises(SASLError) as refusal:
        scram(name).first(f"{flag},,n=juliet,r=CLIENT".encode())
    assert refusal.value.condition == "malformed-request"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"n,,n=juliet",
        b"n,,r=CLIENT",
        b"n,,n=juliet,r=",
        b"n,,n=,r=CLIENT",
        b"n,n=juliet,r=CLIENT",
        b"x,,n=juliet,r=CLIENT",
        b"p=,,n=juliet,r=CLIENT",
        b"n,a=,n=juliet,r=CLIENT",
        b"n,juliet@example.org,n=juliet,r=CLIENT",
        b"n,,r=CLIENT,n=juliet",
        b"n,,n=juliet,r=CLI ENT",
        b"n,,n=juliet,r=CLIENT,",
        b"n,,n=juliet,r=CLIENT\n",
        "n,,n=juliet,r=CLIÉNT".encode(),
        b"n,,n=jul\0iet,r=CLIENT",
        b"n,,n=\xff,r=CLIENT",
        b"n,,m=must,n=juliet,r=CLIENT",
        b"n,,n=juliet,r=CLIENT,m=must",
        b"n,,n=a=b,r=CLIENT",
        b"n,,n=a=2c,r=CLIENT",
        b"n,,n=a=2,r=CLIENT",
        b"n,,n=a=,r=CLIENT",
        b"n,a=a=20,n=juliet,r=CLIENT",
    ],
)
def test_a_first_message_outside_the_grammar_is_malformed(data: bytes) -> None:
    with pytest.raises(SASLError) as refusal:
        scram("SCRAM-SHA-256").first(data)
    assert refusal.value.condition == "malformed-request"


@pytest.mark.parametrize(
    ("written", "meant"), [("a=2Cb", "a,b"), ("a=3Db", "a=b"), ("=3D2C", "=2C"), ("júlía", "júlía")]
)
def test_commas_and_equals_signs_in_a_username_are_unescaped(written: str, meant: str) -> None:
    assert scram("SCRAM-SHA-1").first(f"n,,n={written},r=CLIENT".encode()).username == meant


def test_the_own_bare_jid_may_be_acted_for() -> None:
    lookup = scram("SCRAM-SHA-1").first(b"n,a=juliet@example.org,n=juliet,r=CLIENT")
    challenge = lookup.supply(KEYS["SHA-1"])
    binding = b64encode(b"n,a=juliet@example.org,").decode()
    assert isinstance(challenge.step(proved("SHA-1", RIGHT, challenge.data, f"c={binding},r=CLIENTSERVER")), Success)


def test_another_jid_may_not_be_acted_for() -> None:
    with pytest.raises(SASLError) as refusal:
        scram("SCRAM-SHA-1").first(b"n,a=romeo@example.org,n=juliet,r=CLIENT")
    assert refusal.value.condition == "invalid-authzid"


def test_extensions_that_may_be_ignored_are_ignored_and_proved() -> None:
    lookup = scram("SCRAM-SHA-256").first(b"n,,n=juliet,r=CLIENT,x=1,y=a=b")
    challenge = lookup.supply(KEYS["SHA-256"])
    message = proved("SHA-256", RIGHT, challenge.data, "c=biws,r=CLIENTSERVER,z=2", bare="n=juliet,r=CLIENT,x=1,y=a=b")
    assert isinstance(challenge.step(message), Success)


@pytest.mark.parametrize("nonce", ["CLIENT", "SERVER", "CLIENTSERVERX", "CLIENTSERVE", "clientserver"])
def test_another_nonce_is_refused(nonce: str) -> None:
    challenge = challenged("SCRAM-SHA-1")
    message = proved("SHA-1", RIGHT, challenge.data, f"c=biws,r={nonce}")
    assert refused(challenge, message).condition == "not-authorized"


@pytest.mark.parametrize(
    "data",
    [
        None,
        b"",
        b"c=biws,r=CLIENTSERVER",
        b"c=biws,r=CLIENTSERVER,p=",
        b"r=CLIENTSERVER,c=biws,p=AAAA",
        b"c=biws,r=CLIENTSERVER,p=AAAA",
        b"c=biws,r=CLIENTSERVER,p=AAA",
        b"c=biws,r=CLIENTSERVER,p=\xc3\xa9",
        b"c=biws,r=CLIENTSERVER,p=" + b64encode(bytes(19)),
        b"c=biws,r=CLIENTSERVER,p=" + b64encode(bytes(32)),
        b"c=biws,r=CLIENTSERVER,m=must,p=" + b64encode(bytes(20)),
        b"c=biws,r=CLIENTSERVER,p=" + b64encode(bytes(20)) + b",x=1",
        b"c=\xff,r=CLIENTSERVER,p=" + b64encode(bytes(20)),
    ],
)
def test_a_final_message_outside_the_grammar_is_malformed(data: bytes | None) -> None:
    assert refused(challenged("SCRAM-SHA-1"), data).condition == "malformed-request"


def test_the_server_never_says_the_same_nonce_twice() -> None:
    def said() -> bytes:
        return (
            Scram(SCRAM["SCRAM-SHA-1"], "example.org", {}, plus_offered=False)
            .first(b"n,,n=a,r=b")
            .supply(KEYS["SHA-1"])
            .data
        )

    assert said() != said()


def test_no_key_and_no_binding_is_in_a_repr() -> None:
    shown = repr((scram("SCRAM-SHA-1-PLUS"), challenged("SCRAM-SHA-1-PLUS")))
    assert "stored" not in shown
    assert "certificate" not in shown


PIECES = [b"n,,", b"y,,", b"p=tls-server-end-point,,", b"p=", b"a=juliet@example.org", b"n=juliet", b",", b"=", b"=2C"]
PIECES += [b"r=CLIENT", b"r=CLIENTSERVER", b"c=biws", b"p=" + b64encode(bytes(20)), b"m=x", b"x=y", b"\0", b"\xff"]
anything = st.lists(st.sampled_from(PIECES) | st.binary(max_size=4), max_size=12).map(b"".join)


@given(st.sampled_from(NAMES), anything)
def test_any_bytes_as_first_message_are_answered_or_refused(name: str, data: bytes) -> None:
    with suppress(SASLError):
        assert isinstance(scram(name).first(data), Lookup)


@given(st.sampled_from(NAMES), anything)
def test_any_bytes_as_final_message_are_refused(name: str, data: bytes) -> None:
    refused(challenged(name), data)
