"""XEP-0388: Extensible SASL Profile.

What is said here of XEP-0440 and XEP-0474 holds for the profile of RFC 6120 too, which is always there.

How a login goes is told in `actors/sasl2.py` and, for the exchange itself, in `actors/login.py`: it happens on the way
of a stream to a resource, before any feature has a say. Other features join in by `authenticates` and
`authenticate_inline` of `actors/hooks/logins.py`.
"""

from __future__ import annotations

from actors.hooks import XEP, Feature


class SASL2(Feature):
    """Lets clients log in without a restart of the stream, and ask for more along with it.

    TLS takes no early data here, so no login comes in any (XEP-0388 §3).
    """

    implements = (
        XEP(388, "1.0.4", "Extensible SASL Profile"),
        XEP(440, "1.0.0", "SASL Channel-Binding Type Capability"),
        XEP(474, "0.5.0", "SASL SCRAM Downgrade Protection"),
    )
