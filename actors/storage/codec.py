"""Documents as JSON text, which is how every backend keeps them."""

from collections.abc import Callable
from typing import Any, Generic, TypeVar

import msgspec

from actors.storage.errors import StorageError

D = TypeVar("D")


class Codec(Generic[D]):
    """Turns documents of one store to text and back; failures become StorageError."""

    def __init__(self, store: str, of: type[D] | None = None) -> None:
        self._store = store
        self._encode = msgspec.json.Encoder().encode
        self._decode: Callable[[str], Any] = msgspec.json.Decoder(Any if of is None else of).decode

    def encode(self, owner: str, doc: D) -> str:
        try:
            return self._encode(doc).decode()
        except (TypeError, ValueError, OverflowError, RecursionError, msgspec.MsgspecError) as error:
            raise StorageError(f"not a document: {error}", store=self._store, owner=owner) from error

    def decode(self, owner: str, text: str) -> D:
        try:
            doc: D = self._decode(text)
        except (TypeError, ValueError, RecursionError, msgspec.MsgspecError) as error:
            raise StorageError(f"corrupt document: {error}", store=self._store, owner=owner) from error
        return doc
