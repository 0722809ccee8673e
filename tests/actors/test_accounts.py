from pathlib import Path

import gevent
import pytest

from actors.accounts import HASHES, AccountExists, Accounts, NoSuchAccount, PasswordRefused
from actors.storage import Storage, open_storage
from net.xmpp.jid import JID
from net.xmpp.sasl import SALT_SIZE, derive

ROMEO = JID.parse("romeo@verona.example")
JULIET = JID.parse("juliet@verona.example")
ITERATIONS = 4096


@pytest.fixture
def storage() -> Storage:
    return open_storage("memory:")


def accounts_in(storage: Storage, domain: str = "verona.example") -> Accounts:
    return Accounts(JID.parse(domain), storage, iterations=ITERATIONS)


@pytest.fixture
def accounts(storage: Storage) -> Accounts:
    made = accounts_in(storage)
    made.create(ROMEO, "wherefore", 1.0)
    return made


def verified(accounts: Accounts, name: str, password: str) -> bool:
    return accounts.verify(accounts.named(name), name, password)


# -- who exists


def test_an_account_exists_once_it_was_made(accounts: Accounts) -> None:
    assert accounts.exists(ROMEO)
    assert not accounts.exists(JULIET)


def test_an_account_is_made_once(accounts: Accounts) -> None:
    with pytest.raises(AccountExists):
        accounts.create(ROMEO, "another", 2.0)
    assert verified(accounts, "romeo", "wherefore")


def test_of_many_who_make_the_same_account_at_once_one_succeeds(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/db")
    accounts = accounts_in(storage)

    def make(password: str) -> str | None:
        try:
            accounts.create(JULIET, password, 1.0)
        except AccountExists:
            return None
        return password

    tries = [gevent.spawn(make, f"password {n}") for n in range(8)]
    made = [password for password in (task.get(timeout=10) for task in tries) if password]
    assert len(made) == 1
    assert verified(accounts, "juliet", made[0])
    storage.close()


def test_accounts_are_listed_by_domain_and_in_order(storage: Storage) -> None:
    verona, other = accounts_in(storage), accounts_in(storage, "sub.verona.example")
    for name in ("romeo", "juliet", "mercutio"):
        verona.create(verona.jid(name), "x", 1.0)
    other.create(other.jid("tybalt"), "x", 1.0)
    assert list(verona) == [f"{name}@verona.example" for name in ("juliet", "mercutio", "romeo")]
    assert list(other) == ["tybalt@sub.verona.example"]


def test_an_account_that_was_forgotten_does_not_exist(accounts: Accounts, storage: Storage) -> None:
    storage.forget(ROMEO)
    assert not accounts.exists(ROMEO)
    assert not verified(accounts, "romeo", "wherefore")


# -- passwords


@pytest.mark.parametrize("name", ["romeo", "Romeo", "ＲＯＭＥＯ"])
def test_the_password_is_verified_for_every_spelling_of_the_name(accounts: Accounts, name: str) -> None:
    assert verified(accounts, name, "wherefore")


@pytest.mark.parametrize("password", ["", "Wherefore", "wherefore ", "x" * 10_000, "where\0fore"])
def test_any_other_password_is_not(accounts: Accounts, password: str) -> None:
    assert not verified(accounts, "romeo", password)


@pytest.mark.parametrize("name", ["juliet", "", "romeo@verona.example", "a b", "x" * 5000, "/"])
def test_nothing_is_the_password_of_who_does_not_exist(accounts: Accounts, name: str) -> None:
    assert not verified(accounts, name, "wherefore")


@pytest.mark.parametrize("password", ["", "x" * 513, "bell\a"])
def test_a_password_that_none_may_have_is_refused(accounts: Accounts, password: str) -> None:
    with pytest.raises(PasswordRefused):
        accounts.create(JULIET, password, 1.0)
    assert not accounts.exists(JULIET)
    with pytest.raises(PasswordRefused):
        accounts.set_password(ROMEO, password)
    assert verified(accounts, "romeo", "wherefore")


def test_a_new_password_takes_the_place_of_the_old_one(accounts: Accounts) -> None:
    before = accounts.keys("romeo", "SHA-256")
    accounts.set_password(ROMEO, "what's in a name")
    assert verified(accounts, "romeo", "what's in a name")
    assert not verified(accounts, "romeo", "wherefore")
    assert accounts.keys("romeo", "SHA-256").salt != before.salt


def test_who_does_not_exist_has_no_password_to_change(accounts: Accounts) -> None:
    with pytest.raises(NoSuchAccount):
        accounts.set_password(JULIET, "x")
    assert not accounts.exists(JULIET)


# -- what is stored


def test_nothing_but_keys_is_stored(tmp_path: Path) -> None:
    storage = open_storage(f"sqlite:///{tmp_path}/db")
    accounts = accounts_in(storage)
    accounts.create(ROMEO, "wherefore art thou", 1.0)
    accounts.set_password(ROMEO, "that which we call a rose")
    verified(accounts, "romeo", "by any other name")
    storage.close()
    on_disk = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"stored_key" in on_disk
    for password in (b"wherefore", b"call a rose", b"any other"):
        assert password not in on_disk


def test_each_account_and_each_hash_has_its_own_salt(accounts: Accounts) -> None:
    accounts.create(JULIET, "wherefore", 1.0)
    keys = [accounts.keys(name, hash) for name in ("romeo", "juliet") for hash in ("SHA-1", "SHA-256")]  # type: ignore[arg-type]
    assert len({key.salt for key in keys}) == 4
    assert {len(key.salt) for key in keys} == {SALT_SIZE}
    assert {key.iterations for key in keys} == {ITERATIONS}


# -- decoys


@pytest.mark.parametrize("name", ["nobody", "not a name", "", "romeo@verona.example"])
def test_who_does_not_exist_has_keys_like_anybody(accounts: Accounts, name: str) -> None:
    real, decoy = accounts.keys("romeo", "SHA-1"), accounts.keys(name, "SHA-1")
    assert (decoy.hash, decoy.iterations) == (real.hash, real.iterations)
    assert len(decoy.salt) == len(real.salt)
    assert len(decoy.stored_key) == len(real.stored_key)
    assert len(decoy.server_key) == len(real.server_key)


def test_a_decoy_is_the_same_for_every_spelling_and_after_a_restart(accounts: Accounts, storage: Storage) -> None:
    decoy = accounts.keys("nobody", "SHA-256")
    assert accounts.keys("NoBody", "SHA-256") == decoy
    assert accounts_in(storage).keys("nobody", "SHA-256") == decoy


def test_decoys_differ_by_name_by_domain_and_by_server(accounts: Accounts, storage: Storage) -> None:
    decoys = [
        accounts.keys("nobody", "SHA-256"),
        accounts.keys("noone", "SHA-256"),
        accounts_in(storage, "mantua.example").keys("nobody", "SHA-256"),
        accounts_in(open_storage("memory:")).keys("nobody", "SHA-256"),
    ]
    assert len({decoy.salt for decoy in decoys}) == 4


def test_the_secret_of_the_decoys_is_no_account(accounts: Accounts) -> None:
    accounts.keys("nobody", "SHA-1")
    assert list(accounts) == [ROMEO]


# -- more iterations


def test_with_its_password_an_account_gets_as_many_iterations_as_new_ones(accounts: Accounts) -> None:
    accounts.iterations = 5000
    assert not verified(accounts, "romeo", "wrong")
    assert accounts.keys("romeo", "SHA-1").iterations == ITERATIONS
    assert verified(accounts, "romeo", "wherefore")
    assert {accounts.keys("romeo", hash).iterations for hash in HASHES} == {5000}
    assert verified(accounts, "romeo", "wherefore")


def test_an_account_never_gets_fewer_iterations(accounts: Accounts) -> None:
    accounts.iterations = 5000
    verified(accounts, "romeo", "wherefore")
    accounts.iterations = ITERATIONS
    assert verified(accounts, "romeo", "wherefore")
    assert accounts.keys("romeo", "SHA-1").iterations == 5000


def test_a_password_that_was_changed_meanwhile_is_not_changed_back(accounts: Accounts) -> None:
    old = accounts.keys("romeo", "SHA-256")
    accounts.set_password(ROMEO, "a rose")
    accounts.strengthen(ROMEO, old, {"SHA-256": old})
    assert verified(accounts, "romeo", "a rose")


def test_where_accounts_differ_in_their_iterations_decoys_do_too(accounts: Accounts, storage: Storage) -> None:
    accounts.iterations = 5000
    for known in (accounts, accounts_in(storage, "mantua.example")):
        names = [f"nobody{number}" for number in range(40)]
        counts = {tuple(known.keys(name, hash).iterations for hash in HASHES) for name in names}
        assert counts == {(one, other) for one in (ITERATIONS, 5000) for other in (ITERATIONS, 5000)}


def test_what_is_outdated_is_told_of_everybody_in_the_same_way(accounts: Accounts) -> None:
    assert accounts.outdated("romeo") == accounts.outdated("nobody") == []
    accounts.iterations = 5000
    assert accounts.outdated("romeo") == ["SHA-1", "SHA-256"]
    found = {tuple(accounts.outdated(f"nobody{number}")) for number in range(40)}
    assert found == {(), ("SHA-1",), ("SHA-256",), ("SHA-1", "SHA-256")}


def test_keys_are_brought_up_to_date_one_by_one(accounts: Accounts) -> None:
    accounts.iterations = 5000
    old = accounts.keys("romeo", "SHA-1")
    new = derive("SHA-1", "wherefore", b"0123456789abcdef", 5000)
    accounts.strengthen(ROMEO, old, {"SHA-1": new})
    assert accounts.keys("romeo", "SHA-1") == new
    assert accounts.outdated("romeo") == ["SHA-256"]
    assert verified(accounts, "romeo", "wherefore")
    assert accounts.outdated("romeo") == []


# -- disabled


def test_an_account_is_disabled_for_a_reason_until_it_is_enabled(accounts: Accounts, storage: Storage) -> None:
    assert accounts.find(ROMEO).disabled is None
    accounts.disable(ROMEO, "gone")
    accounts.set_password(ROMEO, "a rose")
    assert accounts_in(storage).find(ROMEO).disabled == "gone"
    accounts.disable(ROMEO, None)
    assert accounts.find(ROMEO).disabled is None
    assert verified(accounts, "romeo", "a rose")


def test_who_does_not_exist_is_not_disabled(accounts: Accounts) -> None:
    assert accounts.find(JULIET) is None
    with pytest.raises(NoSuchAccount):
        accounts.disable(JULIET, "gone")
