"""Objects in a bucket of S3 or whatever speaks like it. Needs the extra `s3` (obstore)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TYPE_CHECKING

from onenet.errors import MisconfiguredError, Unavailable

if TYPE_CHECKING:
    from obstore.store import ObjectStore

PART = 5 * 1024 * 1024
"""The least that S3 takes as a part of an object."""


class Bucket:
    """Objects in an object store. It shows an object only when all of it has come, and keeps what it took."""

    def __init__(self, store: ObjectStore):
        """`store` is one of obstore's: S3 in earnest, memory or a folder in tests."""
        self._store = store

    @classmethod
    def at(cls, url: str, options: dict[str, str]) -> Bucket:
        """The bucket at `s3://name/prefix`; keys and endpoint come from the usual AWS_… variables.

        Raises: MisconfiguredError without the extra, or for an address that is none.
        """
        try:
            from obstore.exceptions import BaseError
            from obstore.store import S3Store
        except ModuleNotFoundError as error:
            raise MisconfiguredError("documents in a bucket need onenet with the extra s3") from error
        try:
            return cls(S3Store.from_url(url, config=options))  # type: ignore[arg-type]  # names are checked there
        except (BaseError, ValueError, TypeError) as error:
            raise MisconfiguredError(f"ONENET_DOCUMENTS_URL: {error}") from error

    def put(self, name: str, blocks: Iterable[bytes]) -> None:
        """Writes an object."""
        import obstore

        with _away("stored"):
            obstore.put(self._store, name, iter(blocks), use_multipart=True, chunk_size=PART)

    def read(self, name: str) -> Iterator[bytes]:
        """Its bytes."""
        import obstore

        try:
            with _away("read"):
                found = obstore.get(self._store, name)
        except FileNotFoundError:
            raise LookupError(name) from None
        for block in found.stream():
            yield bytes(block)

    def remove(self, name: str) -> None:
        """Takes it away."""
        import obstore

        try:
            with _away("removed"):
                obstore.delete(self._store, name)
        except FileNotFoundError:
            return

    def remove_below(self, prefix: str) -> None:
        """Takes away what begins so."""
        import obstore

        with _away("removed"):
            for page in obstore.list(self._store, prefix=f"{prefix}/"):
                obstore.delete(self._store, [entry["path"] for entry in page])

    def tidy(self, before: datetime) -> None:
        """Nothing: a bucket's own rule ends uploads of many parts that nobody finished."""


class _away:  # noqa: N801  # reads as a statement
    """Turns the store's errors into ours, but for an object that is not there."""

    def __init__(self, done: str):
        self._done = done

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: object) -> None:
        from obstore.exceptions import BaseError, NotFoundError

        if isinstance(error, NotFoundError | FileNotFoundError):
            raise FileNotFoundError from error
        if isinstance(error, BaseError | OSError):
            raise Unavailable(f"documents cannot be {self._done}", retry_after_s=5) from error
