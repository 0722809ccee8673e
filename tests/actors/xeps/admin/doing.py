"""What an admin does with the commands of a domain, form by form."""

from lxml import etree

from tests.world import Client

COMMANDS = "http://jabber.org/protocol/commands"
ADMIN = "http://jabber.org/protocol/admin"


def command(node: str, inside: str = "", session: str = "") -> str:
    id = f" sessionid='{session}'" if session else ""
    return f"<command xmlns='{COMMANDS}' node='{ADMIN}#{node}'{id}>{inside}</command>"


def form(**entered: str | tuple[str, ...]) -> str:
    inside = f"<field var='FORM_TYPE'><value>{ADMIN}</value></field>"
    for var, values in entered.items():
        written = "".join(f"<value>{value}</value>" for value in ([values] if isinstance(values, str) else values))
        inside += f"<field var='{var.replace('_', '-')}'>{written}</field>"
    return f"<x xmlns='jabber:x:data' type='submit'>{inside}</x>"


def asked(client: Client, node: str) -> tuple[str, dict[str, tuple[str, bool]]]:
    """The session of a command that has begun, and what its form asks for: type and whether it is required."""
    answer = client.asks("set", command(node), "localhost")
    assert answer.get("type") == "result", etree.tostring(answer)
    assert answer[0].get("status") == "executing"
    fields = answer[0].iterfind("{*}x/{*}field")
    return answer[0].get("sessionid", ""), {
        field.get("var", ""): (field.get("type", ""), field.find("{*}required") is not None) for field in fields
    }


def answered(client: Client, node: str, **entered: str | tuple[str, ...]) -> etree._Element:
    """The answer to the form, filled in so."""
    session, _ = asked(client, node)
    return client.asks("set", command(node, form(**entered), session), "localhost")


def does(client: Client, node: str, **entered: str | tuple[str, ...]) -> list[tuple[str | None, str | None]]:
    """Carries out a command: the notes that it completes with."""
    answer = answered(client, node, **entered)
    assert answer.get("type") == "result", etree.tostring(answer)
    assert answer[0].get("status") == "completed"
    return [(note.get("type"), note.text) for note in answer[0].iterfind("{*}note")]


def learns(answer: etree._Element) -> dict[str | None, list[str | None]]:
    """The fields of the result of a command."""
    assert answer.get("type") == "result", etree.tostring(answer)
    assert (answer[0].get("status"), answer[0][0].get("type")) == ("completed", "result")
    return {
        field.get("var"): [value.text for value in field.iterfind("{*}value")]
        for field in answer[0].iterfind("{*}x/{*}field")
    }
