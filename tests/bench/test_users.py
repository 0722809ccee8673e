import pytest

from net.xmpp.sasl import Challenge, Lookup, Offer, ScramKeys, Success, decode, encode
from tests.bench import users


def test_the_keys_are_those_of_the_password():
    """The server's own exchange takes the proof that is made without the password."""
    first, bare = users.client_first(7)
    lookup = Offer(domain="localhost", secure=False).begin("SCRAM-SHA-256", decode(first.decode()))
    assert isinstance(lookup, Lookup)
    assert lookup.username == "u00007"
    keys = ScramKeys("SHA-256", users.SALT, users.ITERATIONS, users.STORED_KEY, users.SERVER_KEY)
    challenge = lookup.supply(keys)
    assert isinstance(challenge, Challenge)
    final = users.client_final(bare, encode(challenge.data).encode())
    assert isinstance(challenge.step(decode(final.decode())), Success)


def test_other_keys_than_everybodys_are_an_error():
    with pytest.raises(ValueError, match="other keys"):
        users.client_final(b"n=u00000,r=abc", b"cj1hYmMscz1ZV0pqLGk9NDA5Ng==")


def test_a_group_is_made_of_contacts_of_each_other():
    count = 2 * users.GROUP
    for number in range(count):
        others = set(users.contacts(number, count))
        assert len(others) == users.GROUP - 1
        assert all(number in set(users.contacts(other, count)) for other in others)


def test_nobody_has_contacts_that_do_not_exist():
    assert list(users.contacts(0, 3)) == [1, 2]
