"""How somebody has logged in, and so for how long that holds."""

from __future__ import annotations

from typing import Literal, NamedTuple

Way = Literal["password", "certificate", "token", "nothing"]


class Access(NamedTuple):
    """What a Session has proved.

    `client`: the id of its user agent (XEP-0388), "" for none that is known. `by`: by what it has logged in; guests do
    by nothing. `epoch`: that of the account then (`actors.accounts.Account`).
    """

    client: str = ""
    by: Way = "password"
    epoch: str = ""
