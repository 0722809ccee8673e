import tomllib
from collections.abc import Callable
from contextlib import suppress
from itertools import pairwise
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.config import PROJECT, Address, Config, ConfigError, HostOptions, load
from actors.hooks import discover

DOCUMENTED = PROJECT / "etc" / "parley.toml"
FEATURES = {name: feature.Options for name, feature in discover().items()}

Write = Callable[[str], Path]


class Pinging(msgspec.Struct, frozen=True, kw_only=True):
    every: int = 60


@pytest.fixture
def write(tmp_path: Path) -> Write:
    def write(text: str) -> Path:
        path = tmp_path / "my.toml"
        path.write_text(text, "utf-8")
        return path

    return write


def refusal(path: Path | None, *sets: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load(path, sets, features={"ping": Pinging, "carbons": None})
    return str(caught.value)


def as_toml(value: object) -> object:
    """The plain value that the file would have to say."""
    match value:
        case msgspec.Struct():
            return {name: as_toml(getattr(value, name)) for name in value.__struct_fields__}
        case dict():
            return {key: as_toml(inner) for key, inner in value.items()}
        case tuple():
            return [as_toml(inner) for inner in value]
        case Path() | str():
            return str(value)
        case None:
            return ""
        case _:
            return value


def test_the_documented_file_lists_exactly_the_options_with_their_defaults() -> None:
    expected = as_toml(Config())
    assert isinstance(expected, dict)
    expected["xeps"] |= {name: as_toml(options()) for name, options in FEATURES.items() if options}
    assert tomllib.loads(DOCUMENTED.read_text("utf-8")) == expected


def test_each_option_in_the_documented_file_follows_a_comment_that_says_why() -> None:
    lines = DOCUMENTED.read_text("utf-8").splitlines()
    assert [line for before, line in pairwise(lines) if "= " in line and before[:1] != "#"] == []


def test_the_documented_file_loads_like_the_defaults() -> None:
    assert load(DOCUMENTED, features=FEATURES) == load(None, features=FEATURES)


def test_an_empty_file_is_a_valid_one(write: Write) -> None:
    assert load(write("")) == load(None)


def test_addresses_are_split_into_host_and_port() -> None:
    v4, v6 = load(None, ['listen.c2s=["127.0.0.1:0", "[0::1]:5222"]']).listen.c2s
    assert (v4.host, v4.port, v6.host, v6.port) == ("127.0.0.1", 0, "::1", 5222)


@pytest.mark.parametrize(
    "text", ["", "localhost", ":5222", "::1:5222", "[::1]", "[::g]:1", "a:65536", "a:-1", "a:٣", "a b:1"]
)
def test_what_is_no_address_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        Address(text)


@given(st.text())
def test_any_text_is_an_address_or_a_value_error(text: str) -> None:
    try:
        address = Address(text)
    except ValueError:
        return
    assert address == text
    assert 0 <= address.port <= 65535


def test_relative_paths_start_at_the_project_folder() -> None:
    config = load(None, ['data_dir="d"', 'tls={certificate="c.pem", key="/k.pem"}', 'storage.url="sqlite:///x.db"'])
    assert config.data_dir == PROJECT / "d"
    assert (config.tls.certificate, config.tls.key) == (PROJECT / "c.pem", Path("/k.pem"))
    assert config.storage.url == f"sqlite:///{PROJECT}/x.db"


def test_the_database_is_in_the_data_folder_unless_said_otherwise() -> None:
    assert load(None, ['data_dir="/d"']).storage.url == "sqlite:////d/parley.sqlite"
    assert load(None, ['storage.url="memory:"']).storage.url == "memory:"
    assert load(None, ['storage.url="postgresql://me@h/d"']).storage.url == "postgresql://me@h/d"


def test_domains_are_prepared() -> None:
    assert load(None, ['hosts={"Chat.EXAMPLE"={}}']).hosts == {"chat.example": HostOptions()}


def test_a_domain_that_is_none_is_refused() -> None:
    assert 'hosts."a b"' in refusal(None, 'hosts."a b"={}')


def test_one_domain_in_two_spellings_is_refused(write: Write) -> None:
    assert "a.example is there already" in refusal(write('[hosts."a.example"]\n[hosts."A.example"]'))


def test_at_least_one_domain_is_needed(write: Write) -> None:
    assert "at least one domain" in refusal(write("hosts = {}"))


def test_a_domain_without_its_quotes_is_explained(write: Write) -> None:
    assert refusal(write("[hosts.example.org]")).endswith('quotes: hosts."example.org"')


def test_a_set_adds_to_what_the_file_says(write: Write) -> None:
    path = write('[hosts."a.example"]\n[limits]\nroster = 7')
    config = load(path, ['hosts."b.example".conflict="refuse"', "limits.offline=8"])
    assert config.hosts == {"a.example": HostOptions(), "b.example": HostOptions(conflict="refuse")}
    assert (config.limits.roster, config.limits.offline) == (7, 8)


def test_a_set_replaces_a_whole_table_when_it_names_the_table(write: Write) -> None:
    assert list(load(write('[hosts."a.example"]'), ["hosts={b={}}"]).hosts) == ["b"]


def test_the_last_set_of_an_option_wins() -> None:
    assert load(None, ["limits.roster=7", "limits.roster=8"]).limits.roster == 8


def test_an_error_names_the_file_the_option_and_what_was_expected(write: Write) -> None:
    path = write("[limits]\nroster = 0")
    assert refusal(path) == f"{path}: limits.roster = 0\n    expected a whole number from 1 to 100000"


def test_an_error_in_a_set_names_the_argument_and_not_the_file(write: Write) -> None:
    path = write("[limits]\nroster = 5")
    assert refusal(path, "limits.roster=0").startswith("--set limits.roster=0: limits.roster = 0\n")
    assert refusal(path, "limits={roster=0}").startswith("--set 'limits={roster=0}': limits.roster = 0\n")
    assert refusal(path, "limit.roster=6").startswith("--set limit.roster=6: ")


def test_an_error_in_the_file_is_not_blamed_on_a_set(write: Write) -> None:
    path = write("[limits]\nroster = 0")
    assert refusal(path, "limits.offline=6").startswith(f"{path}: ")


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("data-dir", "data_dir"),
        ("limit", "limits"),
        ("limits.stanzza", "limits.stanza"),
        ("hosts.localhost.conflicts", "hosts.localhost.conflict"),
        ("xeps.pings", "xeps.ping"),
        ("xeps.ping.evry", "xeps.ping.every"),
    ],
)
def test_an_unknown_option_is_answered_with_the_nearest_right_one(wrong: str, right: str) -> None:
    assert refusal(None, f"{wrong}=1").endswith(f"there is no option {wrong}\n    did you mean {right}?")


def test_where_nothing_is_near_the_known_options_are_listed() -> None:
    assert refusal(None, "log.xyzzy=1").endswith("known here: level, format")


@pytest.mark.parametrize(
    ("argument", "expected"),
    [
        ("limits.stanza_before_login=9999", "a whole number from 10000 to 1073741824"),
        ("limits.stanza=1e5", "a whole number from 10000 to 1073741824"),
        ("limits.stanza=true", "a whole number from 10000 to 1073741824"),
        ("limits.stanza=2000-01-01", "a whole number from 10000 to 1073741824"),
        ("limits.roster=99999999999999999999999", "a whole number from 1 to 100000"),
        ("limits.login_seconds=0", "a number from 0.1 to 3600"),
        ("limits.login_seconds=nan", "a number from 0.1 to 3600"),
        ("limits.login_seconds=inf", "a number from 0.1 to 3600"),
        ("limits.outbox=20000", "outbox (20000) to hold at least one stanza (262144)"),
        ("sasl.iterations=4095", "a whole number from 4096 to 10000000"),
        ("sasl.mechanisms=[]", "a list of at least 1, each a text"),
        ('tls.required="yes"', "true or false"),
        ("tls.minimum=1.2", 'one of "1.2", "1.3"'),
        ('tls.key="k.pem"', "certificate and key together, or neither of them"),
        ("tls.key=1", 'a path or "" for none'),
        ('data_dir=""', "a path"),
        ('listen.c2s=["5222"]', 'a list, each "HOST:PORT" or "[IPv6]:PORT"'),
        (
            'storage.url="mysql://x"',
            'url to be "sqlite:///PATH", "postgresql://USER@HOST/NAME", "memory:" or "" for a file in data_dir',
        ),
        ("limits=5", "a table"),
        ("hosts.localhost=5", "a table"),
        ('hosts.localhost.admins=["romeo"]', 'a list, each "LOCAL@DOMAIN"'),
        ('hosts.localhost.admins=["romeo@localhost/orchard"]', 'a list, each "LOCAL@DOMAIN"'),
        ('hosts.localhost.admins=["@"]', 'a list, each "LOCAL@DOMAIN"'),
    ],
)
def test_a_value_out_of_range_is_answered_with_the_range(argument: str, expected: str) -> None:
    assert refusal(None, argument).endswith(f"\n    expected {expected}")


def test_a_mechanism_that_is_none_of_ours_is_refused() -> None:
    assert "PLAN is none of them" in refusal(None, 'sasl.mechanisms=["PLAN"]')


@pytest.mark.parametrize("argument", ["", "=", "log", "log=", "log.level=debug", "=1", "a b=1", "a=1\nb=2", "a..b=1"])
def test_a_set_that_is_not_toml_is_answered_with_an_example(argument: str) -> None:
    assert "not KEY=VALUE" in refusal(None, argument)


def test_a_set_below_what_is_no_table_is_refused(write: Write) -> None:
    path = write("limits = 5")
    assert refusal(path, "limits.roster=5") == f"{path}: limits = 5\n    expected a table"


@given(st.text(), st.text())
def test_any_set_is_accepted_or_a_config_error(key: str, value: str) -> None:
    for argument in (key, f"{key}={value}", f'hosts."{key}".conflict="{value}"'):
        with suppress(ConfigError):
            assert isinstance(load(None, [argument]), Config)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    assert refusal(tmp_path / "none.toml").startswith(f"{tmp_path}/none.toml: No such file or directory")


def test_a_file_that_is_not_toml_is_named_with_the_line(write: Write) -> None:
    path = write("[log]\nlevel = info")
    text = refusal(path)
    assert text.startswith(f"{path}: not TOML")
    assert "line 2" in text


def test_a_file_that_is_not_utf_8_is_named(tmp_path: Path) -> None:
    path = tmp_path / "latin.toml"
    path.write_bytes(b'data_dir = "\xe9"')
    assert refusal(path).startswith(f"{path}: not TOML")


def test_a_feature_finds_its_own_options() -> None:
    config = load(None, ["xeps.ping.every=5"], features={"ping": Pinging, "carbons": None})
    assert config.xeps.ping == Pinging(every=5)  # type: ignore[attr-defined]


def test_a_feature_without_a_table_has_its_defaults() -> None:
    assert load(None, features={"ping": Pinging}).xeps.ping == Pinging()  # type: ignore[attr-defined]


def test_a_disabled_feature_is_listed_by_its_name() -> None:
    assert load(None, ['xeps.disabled=["carbons"]'], features={"carbons": None}).xeps.disabled == ("carbons",)


def test_disabling_an_unknown_feature_is_answered_with_the_nearest() -> None:
    assert refusal(None, 'xeps.disabled=["carbon"]').endswith("did you mean carbons?")


def test_the_configuration_cannot_be_changed() -> None:
    with pytest.raises(AttributeError):
        load(None).limits.roster = 5  # type: ignore[misc]


def test_the_address_of_an_admin_is_prepared() -> None:
    assert load(None, ['hosts.localhost.admins=["ROMEO@localhost"]']).hosts["localhost"].admins == ("romeo@localhost",)


def test_a_password_in_a_url_is_not_repeated_in_an_error() -> None:
    with pytest.raises(ConfigError) as refused:
        load(None, ['storage.url="postgres://parley:hunter2@db/parley"'])
    assert "hunter2" not in str(refused.value)
    assert "parley:***@db" in str(refused.value)
