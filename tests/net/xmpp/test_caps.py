import random

import pytest
from hypothesis import given
from hypothesis import strategies as st
from lxml import etree

from net.xmpp.caps import verification

FEATURES = """
<feature var='http://jabber.org/protocol/caps'/>
<feature var='http://jabber.org/protocol/disco#info'/>
<feature var='http://jabber.org/protocol/disco#items'/>
<feature var='http://jabber.org/protocol/muc'/>
"""
EXODUS = f"<identity category='client' name='Exodus 0.9.1' type='pc'/>{FEATURES}"
FORM = """
<x xmlns='jabber:x:data' type='result'>
  <field var='FORM_TYPE' type='hidden'><value>urn:xmpp:dataforms:softwareinfo</value></field>
  <field var='ip_version' type='text-multi'><value>ipv4</value><value>ipv6</value></field>
  <field var='os'><value>Mac</value></field>
  <field var='os_version'><value>10.5.1</value></field>
  <field var='software'><value>Psi</value></field>
  <field var='software_version'><value>0.11</value></field>
</x>
"""
PSI = f"""
<identity xml:lang='en' category='client' name='Psi 0.11' type='pc'/>
<identity xml:lang='el' category='client' name='Ψ 0.11' type='pc'/>
{FEATURES}{FORM}
"""


def children(text: str) -> list[etree._Element]:
    return list(etree.fromstring(f"<query xmlns='http://jabber.org/protocol/disco#info'>{text}</query>"))


def test_the_simple_example_of_the_xep() -> None:
    assert verification(children(EXODUS)) == "QgayPKawpkPSDYmwT/WM94uAlu0="


def test_the_complex_example_of_the_xep() -> None:
    assert verification(children(PSI)) == "q07IKJEyjvHSyhy//CH0CxmKi8w="


@given(st.randoms(use_true_random=False))
def test_the_order_of_what_is_said_does_not_matter(dice: random.Random) -> None:
    said = children(PSI)
    for form in said:
        form[:] = dice.sample(list(form), len(form))
        for field in form:
            field[:] = dice.sample(list(field), len(field))
    assert verification(dice.sample(said, len(said))) == "q07IKJEyjvHSyhy//CH0CxmKi8w="


@pytest.mark.parametrize("form_type", ["", "<field var='FORM_TYPE'><value>a</value></field>"])
def test_a_form_without_a_hidden_form_type_does_not_count(form_type: str) -> None:
    form = f"<x xmlns='jabber:x:data' type='result'>{form_type}<field var='b'><value>c</value></field></x>"
    assert verification(children(EXODUS + form)) == verification(children(EXODUS))


def test_forms_are_sorted_by_their_form_types() -> None:
    other = FORM.replace("urn:xmpp:dataforms:softwareinfo", "a")
    assert verification(children(PSI + other)) == verification(children(other + PSI))
    assert verification(children(PSI + other)) != verification(children(PSI))


def test_an_escaped_less_than_stays_escaped() -> None:
    twice, once = (f"<identity category='client' type='pc' name='a&{amp}lt;b'/>" for amp in ("amp;", ""))
    assert verification(children(twice)) != verification(children(once))


def test_code_points_are_sorted_as_their_utf_8() -> None:
    both = ["<feature var='\uffee'/>", "<feature var='\U00010000'/>"]
    assert verification(children("".join(both))) == verification(children("".join(reversed(both))))
