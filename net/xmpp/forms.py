"""XEP-0004: Data Forms. What is asked, what comes back, and what is reported; named by FORM_TYPE (XEP-0068)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Literal, NamedTuple

from net.xmpp.jid import JID, JIDMalformed
from net.xmpp.xml import Element, element

DATA = "jabber:x:data"
X = f"{{{DATA}}}x"
FIELD = f"{{{DATA}}}field"
VALUE = f"{{{DATA}}}value"
FORM_TYPE = "FORM_TYPE"
VALIDATION = "http://jabber.org/protocol/xdata-validate"
VALIDATE = f"{{{VALIDATION}}}validate"

FieldType = Literal[
    "boolean",
    "hidden",
    "jid-multi",
    "jid-single",
    "list-multi",
    "list-single",
    "text-multi",
    "text-private",
    "text-single",
]

# A form that is cancelled has no fields (§3.2), so it lacks what is required; XEP-0050 §3.4.1 takes it for submitted.
SUBMITTED = ("submit", "cancel")

# XML Schema's lexical forms, which XEP-0004 §3.3 takes over.
BOOLEANS = {"1": "true", "true": "true", "0": "false", "false": "false"}


class FormRefused(ValueError):
    """A submission that does not fit its form (§5). The message says what is wrong, to the person who filled it in."""


class Option(NamedTuple):
    """One choice of a list. Without a label the value is shown."""

    value: str
    label: str = ""


class Field(NamedTuple):
    """One thing that is asked or told. `values` is what is told, or proposed as the answer.

    `open`: of a list, anything may be entered, and not only what is in it (XEP-0122 §4.2.2).
    """

    var: str
    type: FieldType = "text-single"
    label: str = ""
    values: tuple[str, ...] = ()
    options: tuple[Option, ...] = ()
    required: bool = False
    open: bool = False

    def xml(self) -> Element:
        """The <field/> (§3.2)."""
        made = element(FIELD, None, var=self.var, type=self.type)
        if self.label:
            made.set("label", self.label)
        if self.required:
            made.append(element(f"{{{DATA}}}required"))
        if self.open:
            made.append(element(VALIDATE, None, element(f"{{{VALIDATION}}}open"), datatype="xs:string"))
        made.extend(element(VALUE, value) for value in self.values)
        for option in self.options:
            made.append(element(f"{{{DATA}}}option", None, element(VALUE, option.value)))
            if option.label:
                made[-1].set("label", option.label)
        return made

    def read(self, values: Iterable[str]) -> tuple[str, ...]:
        """What was entered, as values of this field's type; booleans and addresses in their one form.

        Nothing and the empty text are the same, but for the lines of a text. Raises FormRefused.
        """
        found = tuple(values)
        if self.type != "text-multi":
            found = tuple(value for value in found if value)
        if self.required and not any(found):
            raise FormRefused(f"{self._title}: something has to be entered")
        if len(found) > 1 and not self.type.endswith("-multi") and self.type != "hidden":
            raise FormRefused(f"{self._title}: only one value")
        if self.type.startswith("jid-"):
            return tuple(dict.fromkeys(map(self._address, found)))  # §3.3: duplicates are ignored
        if self.type == "boolean":
            return tuple(map(self._boolean, found))
        if (
            self.type.startswith("list-")
            and not self.open
            and not {option.value for option in self.options}.issuperset(found)
        ):
            raise FormRefused(f"{self._title}: only what is in the list")
        return found

    def _address(self, text: str) -> JID:
        try:
            return JID.parse(text)
        except JIDMalformed as malformed:
            raise FormRefused(f"{self._title}: {malformed}") from None

    def _boolean(self, text: str) -> str:
        try:
            return BOOLEANS[text]
        except KeyError:
            raise FormRefused(f"{self._title}: true or false") from None

    @property
    def _title(self) -> str:
        return self.label or self.var


class Submission:
    """What was entered into a form, checked. A field that was left out is not in it."""

    __slots__ = ("_values",)

    def __init__(self, values: Mapping[str, tuple[str, ...]]) -> None:
        self._values = values

    def __contains__(self, var: str) -> bool:
        return var in self._values

    def texts(self, var: str) -> tuple[str, ...]:
        """All values; of a text, its lines; of a list of addresses, JIDs."""
        return self._values.get(var, ())

    def text(self, var: str) -> str:
        """The value, "" for none."""
        return next(iter(self.texts(var)), "")

    def flag(self, var: str) -> bool:
        """The value of a boolean; false is the default (§3.3)."""
        return self.text(var) == "true"

    def jids(self, var: str) -> tuple[JID, ...]:
        """The values of a field of addresses."""
        return tuple(map(JID.parse, self.texts(var)))


class Form(NamedTuple):
    """A form to be filled in. `form_type` is its FORM_TYPE."""

    form_type: str
    title: str
    instructions: str
    fields: tuple[Field, ...]

    def xml(self, entered: Submission | None = None) -> Element:
        """The empty form (§3); with what has been `entered` already, secrets left out."""
        made = element(X, None, element(f"{{{DATA}}}title", self.title), type="form")
        made.append(element(f"{{{DATA}}}instructions", self.instructions))
        made.append(_named(self.form_type))
        made.extend(self._with(field, entered).xml() for field in self.fields)
        return made

    @staticmethod
    def _with(field: Field, entered: Submission | None) -> Field:
        if entered is None or field.var not in entered or field.type == "text-private":
            return field
        return field._replace(values=entered.texts(field.var))

    def read(self, x: Element | None) -> Submission:
        """What was entered into the form. Fields that it does not have are ignored (§3.1). Raises FormRefused."""
        if x is None or x.tag != X or x.get("type") not in SUBMITTED:
            raise FormRefused("a form has to be submitted")
        entered = _entered(x)
        if entered.get(FORM_TYPE, (self.form_type,)) != (self.form_type,):
            raise FormRefused("another form has to be submitted")
        return Submission(
            {
                field.var: field.read(entered.get(field.var, ()))
                for field in self.fields
                if field.var in entered or field.required
            }
        )


def _entered(x: Element) -> dict[str, tuple[str, ...]]:
    found: dict[str, tuple[str, ...]] = {}
    for field in x.iterfind(FIELD):
        var = field.get("var", "")
        if var in found:
            raise FormRefused(f"{var}: entered twice")
        found[var] = tuple(value.text or "" for value in field.iterfind(VALUE))
    return found


def result(form_type: str, fields: Iterable[Field]) -> Element:
    """What is told once: a form of type "result" (§3.1)."""
    return element(X, None, _named(form_type), *(field.xml() for field in fields), type="result")


def table(columns: Sequence[Field], rows: Iterable[Sequence[str]], form_type: str = "") -> Element:
    """What is told of several things: a form of type "result" with a value for each column in each row (§3.4).

    `form_type`: §3.4 wants no field beside the table, XEP-0055 wants this one.
    """
    made = element(X, None, type="result")
    if form_type:
        made.append(_named(form_type))
    made.append(element(f"{{{DATA}}}reported", None, *(column.xml() for column in columns)))
    for row in rows:
        cells = zip(columns, row, strict=True)
        made.append(element(f"{{{DATA}}}item", None, *(_cell(column.var, value) for column, value in cells)))
    return made


def _cell(var: str, value: str) -> Element:
    return element(FIELD, None, element(VALUE, value), var=var)


def _named(form_type: str) -> Element:
    return Field(FORM_TYPE, "hidden", values=(form_type,)).xml()
