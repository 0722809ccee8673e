"""SASL, the server's side (RFC 6120 §6, RFC 4422), without storage, threads or sockets.

An exchange is a chain of values, each with the one move that is legal in its place:

    offer = Offer(domain="example.org", secure=True, bindings={"tls-server-end-point": digest})
    answer = offer.begin(auth.get("mechanism"), decode(auth.text))

    Challenge        send `encode(challenge.data)`; give the client's response to `challenge.step(decode(text))`
    Lookup           give the account's keys, or a `decoy` where there are none, to `lookup.supply(keys)`
    VerifyPassword   find keys likewise, run `verify_password` in a thread, go on with `request.supply(verified=...)`
    Claim            run `claim.verify()`
    Certified        say whether there is such an account by `request.supply(exists=...)`
    Anonymous        give a name that nobody has to `request.supply(username)`
    Success          done: `success.username` is authenticated, and `encode(success.data)` goes along

Every refusal is a `SASLError`, whose condition is the child of the `<failure/>` to send; it ends the exchange.

An account that does not exist is not special here: it is given decoy keys, which take the same path, in the same time,
to the same `not-authorized` as a wrong password. Checks made before keys are asked for do not depend on the account.
"""

from net.xmpp.sasl.exchange import (
    Anonymous,
    Answer,
    Certified,
    Challenge,
    Claim,
    Condition,
    Lookup,
    SASLError,
    Success,
    VerifyPassword,
    decode,
    encode,
)
from net.xmpp.sasl.keys import (
    PASSWORD_LIMIT,
    SALT_SIZE,
    Hash,
    PasswordRefused,
    ScramKeys,
    decoy,
    derive,
    keys_of,
    verify_password,
)
from net.xmpp.sasl.offer import EXTERNAL, MECHANISMS, Offer

__all__ = [
    "EXTERNAL",
    "MECHANISMS",
    "PASSWORD_LIMIT",
    "SALT_SIZE",
    "Anonymous",
    "Answer",
    "Certified",
    "Challenge",
    "Claim",
    "Condition",
    "Hash",
    "Lookup",
    "Offer",
    "PasswordRefused",
    "SASLError",
    "ScramKeys",
    "Success",
    "VerifyPassword",
    "decode",
    "decoy",
    "derive",
    "encode",
    "keys_of",
    "verify_password",
]
