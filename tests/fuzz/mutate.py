"""Inputs made of others at random: what is left to do without coverage to go by."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random


def mutated(random: Random, seeds: Sequence[bytes], words: Sequence[bytes]) -> bytes:
    """One of the seeds with some changes: bytes, words of the protocol, pieces moved, doubled, left out, of another."""
    data = random.choice(seeds)
    for _ in range(random.randint(1, 6)):
        start, end = sorted((random.randint(0, len(data)), random.randint(0, len(data))))
        other = random.choice(seeds)
        middle = random.choice(
            (
                b"",
                data[start:end] * 2,
                data[start:end] + random.choice(words),
                random.choice(words),
                random.randbytes(random.randint(0, 3)),
                other[random.randint(0, len(other)) :],
            )
        )
        if random.random() < 0.5:
            end = min(end, start + 8)
        data = data[:start] + middle + data[end:]
    return data[:MOST]


# Bytes of one input: enough for a conversation, and few enough to try many.
MOST = 3000
