"""Objects: where the bytes of documents lie. A folder here; a bucket in `objects_s3`.

Everything is sealed before it comes here. An object is written whole or not at all, under a name that is
never used for anything else, and never changed. The calls block: they are made in threads.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Protocol

from onenet import crashing
from onenet.errors import Unavailable

BLOCK = 256 * 1024
ARRIVING = "arriving"


class Objects(Protocol):
    """A place for objects. Names are words of letters, digits, `-` and `_`, joined by `/`."""

    def put(self, name: str, blocks: Iterable[bytes]) -> None:
        """Writes an object; when this returns it is there and stays. Raises: Unavailable."""

    def read(self, name: str) -> Iterator[bytes]:
        """Its bytes, in blocks of any size. Raises, with the first: LookupError, Unavailable."""

    def remove(self, name: str) -> None:
        """Takes it away; there may be none. Raises: Unavailable."""

    def remove_below(self, prefix: str) -> None:
        """Takes away every object whose name begins with this and a slash. Raises: Unavailable."""

    def tidy(self, before: datetime) -> None:
        """Takes away what a crash left half written before that moment."""


class Folder:
    """Objects as files. One is written beside its place, flushed, and moved there: no name ever leads to half
    a file, whatever is killed when.
    """

    def __init__(self, root: Path):
        """Makes the folder where it is missing, for its owner alone."""
        self._root = root
        self._arriving = root / ARRIVING
        for folder in (root, self._arriving):  # `parents` are made without the mode
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)

    def put(self, name: str, blocks: Iterable[bytes]) -> None:
        """Writes an object."""
        place, beside = self._root / name, self._arriving / secrets.token_hex(16)
        try:
            with beside.open("xb") as file:
                for block in blocks:
                    file.write(block)
                file.flush()
                crashing.point("before_document_flush")
                os.fsync(file.fileno())
            self._make(place.parent)
            beside.replace(place)
            _flush(place.parent)
        except OSError as error:
            raise Unavailable(f"documents cannot be stored: {error.strerror}", retry_after_s=5) from error
        finally:
            beside.unlink(missing_ok=True)

    def read(self, name: str) -> Iterator[bytes]:
        """Its bytes."""
        try:
            with (self._root / name).open("rb") as file:
                while block := file.read(BLOCK):
                    yield block
        except FileNotFoundError:
            raise LookupError(name) from None
        except OSError as error:
            raise Unavailable(f"documents cannot be read: {error.strerror}", retry_after_s=5) from error

    def remove(self, name: str) -> None:
        """Takes it away."""
        (self._root / name).unlink(missing_ok=True)

    def remove_below(self, prefix: str) -> None:
        """Takes a folder away."""
        shutil.rmtree(self._root / prefix, ignore_errors=True)

    def tidy(self, before: datetime) -> None:
        """Takes away what a crash left half written."""
        for left in self._arriving.iterdir():
            with contextlib.suppress(FileNotFoundError):
                if left.stat().st_mtime < before.timestamp():
                    left.unlink()

    def _make(self, folder: Path) -> None:
        """Makes a folder and those above it, each on disk before anything is put into it."""
        if folder.is_dir():
            return
        self._make(folder.parent)
        folder.mkdir(mode=0o700, exist_ok=True)
        _flush(folder.parent)


def _flush(folder: Path) -> None:
    """Flushes a folder: its list of names is a file as well."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
