"""What a feature declares about itself."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar, NamedTuple

import msgspec

if TYPE_CHECKING:
    from actors.host import Domain
    from actors.user import User


class XEP(NamedTuple):
    """A specification: its number, the version of it that is implemented, its title."""

    number: int
    version: str
    title: str


class Feature:
    """One XEP, in one domain. The class attributes say all that others need to know about it.

    `implements`: the specifications, for docs/xeps.md. `advertises`: the disco#info features of the domain;
    `advertises_for_accounts`: those of a bare JID. `after`: names of features whose handlers come before this one's at
    the same moment. `requires`: names of features without which this one is left out too. `for_some`: what passes is
    only shown to it for users in whose `state` it has something, who are few. `Options`: a struct of options, found in
    the configuration under `[xeps.NAME]`, NAME being the name of the file.
    """

    name: ClassVar[str]
    implements: ClassVar[tuple[XEP, ...]] = ()
    advertises: ClassVar[tuple[str, ...]] = ()
    advertises_for_accounts: ClassVar[tuple[str, ...]] = ()
    after: ClassVar[tuple[str, ...]] = ()
    requires: ClassVar[tuple[str, ...]] = ()
    for_some: ClassVar[bool] = False
    Options: ClassVar[type[msgspec.Struct] | None] = None

    def __init__(self, domain: Domain, options: Any) -> None:
        self.domain = domain
        self.options = options

    def keep_in_mind(self, user: User, what: Any) -> None:
        """Remembers this of the user in its `state` or, where it is empty, nothing: see `for_some`."""
        if what:
            user.state[self.name] = what
        else:
            user.state.pop(self.name, None)

    @property
    def serves(self) -> bool:
        """Whether the domain is served, and has this very feature: after a reload it may have another."""
        domain = self.domain
        return domain.router.domain(domain.name) is domain and self in domain.hooks.features

    @property
    def wanted(self) -> bool:
        """Whether the domain is to have the feature; False for one that the host's options turn off."""
        return True
