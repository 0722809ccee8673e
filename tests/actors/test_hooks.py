import re
from inspect import getsource, isfunction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from actors import hooks
from actors.actor import Actor
from actors.hooks import Feature, Hooks, asks, discover, inbound, outbound, shuns
from net.xmpp.errors import StanzaError
from net.xmpp.jid import JID
from net.xmpp.offers import Offer
from net.xmpp.stanza import Stanza
from net.xmpp.xml import element

ROOT = Path(hooks.__file__).parents[2]
GUIDE = (ROOT / "docs/writing-a-xep.md").read_text()

JULIET, ROMEO = JID.parse("juliet@a.example"), JID.parse("romeo@a.example")


class Being(Actor):
    """Somebody who can be asked."""


class Thing(Actor):
    """Something else that can be asked."""


def feature(name: str, *, after: tuple[str, ...] = (), requires: tuple[str, ...] = (), **methods: Any) -> Feature:
    made: type[Feature] = type(name, (Feature,), {"name": name, "after": after, "requires": requires, **methods})
    return made(None, None)  # type: ignore[arg-type]


def names(*features: Feature) -> list[str]:
    return [each.name for each in Hooks(features).features]


def answering() -> Any:
    return lambda self, actor, iq: iq.result()


def ask(type: str = "get", tag: str = "{a}a", from_: JID = ROMEO) -> Stanza:
    content = element("iq", None, element(tag)) if tag else None
    return Stanza("iq", type=type, id="1", from_=from_, to=JULIET, content=content)


def refusal(compiled: Hooks, iq: Stanza, actor: Actor) -> str:
    with pytest.raises(StanzaError) as caught:
        compiled.answer(actor, JULIET, iq)
    return caught.value.condition


def test_features_without_wishes_are_in_the_order_of_their_names() -> None:
    assert names(feature("c"), feature("a"), feature("b")) == ["a", "b", "c"]


def test_a_feature_stands_behind_those_it_names() -> None:
    assert names(feature("a", after=("z",)), feature("b"), feature("z")) == ["b", "z", "a"]


def test_a_feature_that_is_not_there_is_not_waited_for() -> None:
    assert names(feature("a", after=("z",)), feature("b")) == ["a", "b"]


def test_a_cycle_is_refused_with_both_names() -> None:
    with pytest.raises(ValueError, match=r"hen.*egg|egg.*hen"):
        Hooks([feature("hen", after=("egg",)), feature("egg", after=("hen",))])


def test_a_feature_without_what_it_requires_is_left_out_and_so_is_what_requires_it() -> None:
    features = [feature("a", requires=("b",)), feature("b", requires=("c",)), feature("d")]
    assert names(*features) == ["d"]
    assert names(*features, feature("c")) == ["a", "b", "c", "d"]


def test_moments_that_nobody_uses_are_empty() -> None:
    compiled = Hooks([feature("a")])
    assert {getattr(compiled, moment) for moment in hooks.MOMENTS} == {()}
    assert compiled.offers == ()


def test_handlers_come_in_the_order_of_their_features() -> None:
    append = outbound()(lambda self, user, stanza: stanza.addressed(JID.parse(stanza.to + self.name)))
    compiled = Hooks([feature("a", after=("b",), handler=append), feature("b", handler=append), feature("c")])
    stanza = Stanza("message", to=JID.parse("x"))
    for _, handler in compiled.outbound["message"]:
        stanza = handler(None, stanza)  # type: ignore[arg-type, assignment]
    assert stanza.to == "xba"


def test_one_handler_may_act_at_several_moments() -> None:
    compiled = Hooks([feature("a", handler=inbound()(outbound()(lambda self, user, stanza: stanza)))])
    assert len(compiled.inbound["iq"]) == len(compiled.outbound["iq"]) == 1


def test_a_handler_may_care_for_some_kinds_of_stanzas_only() -> None:
    compiled = Hooks([feature("a", handler=inbound("message", "iq")(lambda self, user, stanza: stanza))])
    assert {kind for kind, handlers in compiled.inbound.items() if handlers} == {"message", "iq"}


def test_what_passes_is_shown_to_some_features_only_for_users_of_whom_they_remember_something() -> None:
    handler = inbound()(shuns(lambda self, user, it: it))
    compiled = Hooks([feature("a", handler=handler), feature("b", handler=handler, for_some=True)])
    assert [needs for needs, _ in compiled.inbound["message"]] == [None, "b"]
    assert [needs for needs, _ in compiled.shuns] == [None, "b"]


def test_a_request_is_answered_by_the_feature_that_knows_it() -> None:
    compiled = Hooks([feature("a", handler=asks("get", "{a}a", of=Being)(answering()))])
    answer = compiled.answer(Being(), JULIET, ask())
    assert (answer.type, answer.to, answer.from_) == ("result", ROMEO, JULIET)


@pytest.mark.parametrize(
    ("iq", "actor"), [(ask(type="set"), Being), (ask(tag="{a}b"), Being), (ask(tag=""), Being), (ask(), Thing)]
)
def test_a_request_that_nobody_knows_is_answered_with_service_unavailable(iq: Stanza, actor: type[Actor]) -> None:
    compiled = Hooks([feature("a", handler=asks("get", "{a}a", of=Being)(answering()))])
    assert refusal(compiled, iq, actor()) == "service-unavailable"


def test_one_handler_may_answer_several_requests() -> None:
    answer = asks("get", "{a}a", of=(Being, Thing))(asks("set", "{a}a", of=Being)(answering()))
    compiled = Hooks([feature("a", handler=answer)])
    for type, actor in (("get", Being), ("get", Thing), ("set", Being)):
        assert compiled.answer(actor(), JULIET, ask(type)).type == "result"


def test_what_is_only_for_the_account_itself_is_forbidden_to_others() -> None:
    compiled = Hooks([feature("a", handler=asks("get", "{a}a", of=Being, own=True)(answering()))])
    assert refusal(compiled, ask(), Being()) == "forbidden"
    assert compiled.answer(Being(), JULIET, ask(from_=JULIET.with_resource("balcony"))).type == "result"


def test_two_answers_to_one_request_are_refused() -> None:
    both = [feature(name, handler=asks("get", "{a}a", of=Being)(answering())) for name in ("a", "b")]
    with pytest.raises(ValueError, match=r"two handlers for get \{a\}a to a Being"):
        Hooks(both)


def test_two_ears_for_one_element_are_refused() -> None:
    hear = hooks.nonza("{a}a")(lambda self, session, element: None)
    one = feature("a", handler=hear)
    assert Hooks([one]).nonzas == {"{a}a": one.handler}  # type: ignore[attr-defined]
    with pytest.raises(ValueError, match=r"two handlers for \{a\}a on a stream"):
        Hooks([one, feature("b", handler=hear)])


def test_stream_features_are_made_when_the_domain_is_complete() -> None:
    domain = SimpleNamespace()

    offer = hooks.offered(lambda self: Offer(str(len(domain.hooks.features)), b""))
    domain.hooks = Hooks([feature("a", handler=offer), feature("b")])
    assert [made.name for made in domain.hooks.offers] == ["2"]


def test_what_is_due_is_the_business_of_the_feature_that_has_set_it() -> None:
    told: list[tuple[str, str]] = []
    note = hooks.due(lambda self, user, what: told.append((self.name, what)))
    compiled = Hooks([feature("a", note=note), feature("b", note=note), feature("c")])
    compiled.due["b"](None, "x")  # type: ignore[arg-type]
    assert told == [("b", "x")]
    assert "c" not in compiled.due


def test_every_file_in_xeps_is_a_feature_named_after_the_file() -> None:
    found = discover()
    assert {"ping", "disco", "offline"} <= found.keys()
    assert all(name == made.name == made.__module__.split(".")[2] for name, made in found.items())
    assert all(made.implements for made in found.values())


def test_the_first_line_of_a_feature_names_its_specification() -> None:
    for name, made in discover().items():
        xep = made.implements[0]
        told = __import__(f"actors.xeps.{name}", fromlist=["x"]).__doc__ or ""
        assert told.startswith(f"XEP-{xep.number:04}: {xep.title}."), name


def test_the_guide_shows_a_feature_as_it_is() -> None:
    ping = (ROOT / "actors/xeps/ping.py").read_text().splitlines()
    assert "".join(f"    {line}".rstrip() + "\n" for line in ping) in GUIDE


def test_the_guide_lists_every_moment() -> None:
    moments = {name for name, value in vars(hooks).items() if isfunction(value) and "marked(" in getsource(value)}
    assert {*re.findall(r"^\| `@(\w+)", GUIDE, re.MULTILINE)} == moments


def test_a_feature_that_the_domain_does_not_want_is_left_out_with_what_requires_it() -> None:
    unwanted = feature("b", wanted=property(lambda self: False))
    assert names(feature("a", requires=("b",)), unwanted, feature("c")) == ["c"]


def test_a_stranger_is_answered_by_the_feature_that_listens() -> None:
    handler = hooks.asks_as_stranger("get", "{a}a")(lambda self, stranger, iq: iq.result())
    compiled = Hooks([feature("a", hear=handler)])
    stranger = hooks.Stranger("192.0.2.1:5", secured=True)
    answer = compiled.answer_stranger(stranger, ask())
    assert answer is not None
    assert answer.type == "result"
    for other in (ask("set"), ask(tag="{a}b"), ask(tag="")):
        assert compiled.answer_stranger(stranger, other) is None
    assert refusal(compiled, ask(), Being()) == "service-unavailable"
    with pytest.raises(ValueError, match="before the login"):
        Hooks([feature("a", hear=handler), feature("b", hear=handler)])
