"""Numbers that stand for peers and their parts where much is to be compared, as small as SQLite can store apart."""

from functools import lru_cache
from hashlib import sha256

REMEMBERED = 10_000


@lru_cache(REMEMBERED)
def peer_key(text: str) -> int:
    """0 for "", else 47 bits of a hash: texts that share one are told apart where they are read.

    It is in the tables, so it has to stay what it is.
    """
    return int.from_bytes(sha256(text.encode()).digest()[:6]) >> 1 if text else 0
