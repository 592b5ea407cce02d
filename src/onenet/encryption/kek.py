"""Key-encryption keys: they never touch a row, but wrap the keys that do.

They come from `ONENET_KEK` or the file that `ONENET_KEK_FILE` names: one a line, `kid:suite:base64`, where
`kid` is a number from 1 that is never used again. A key service or a cryptographic card takes the file's
place by being a `KeyEncryption`.
"""

from __future__ import annotations

import os
import secrets
from base64 import b64decode, b64encode
from binascii import Error
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from onenet.encryption import blobs
from onenet.encryption.suites import BY_NAME, Suite
from onenet.errors import MisconfiguredError

MOST_KID = 0xFFFF


class KeyEncryption(Protocol):
    """What keeps key-encryption keys: a file, a KMS, an HSM. A newer key has a higher number."""

    def kids(self) -> Sequence[int]:
        """The numbers of the keys that are at hand, ascending."""

    def suite(self, kid: int) -> Suite:
        """The suite of a key. Raises: MisconfiguredError when it is not at hand."""

    def wrap(self, kid: int, key: bytes, place: str) -> bytes:
        """The key as a blob that only this key-encryption key opens, at this place."""

    def unwrap(self, blob: bytes, place: str) -> bytes:
        """The key in such a blob. Raises: Unreadable; MisconfiguredError when its kid is not at hand."""

    def derive(self, kid: int, purpose: str) -> bytes:
        """A key of the suite's length that depends on this key and the purpose alone."""


@dataclass(frozen=True, slots=True)
class Kek:
    """One key-encryption key. Its repr does not show it."""

    kid: int
    suite: Suite
    key: bytes

    def __repr__(self) -> str:
        """Who prints one prints no secret."""
        return f"Kek({self.kid}, {self.suite.name})"

    def line(self) -> str:
        """The line of a file of keys."""
        return f"{self.kid}:{self.suite.name}:{b64encode(self.key).decode()}"


def new_kek(kid: int, suite: Suite) -> Kek:
    """A key nobody has seen."""
    return Kek(kid, suite, secrets.token_bytes(suite.key_bytes))


def read_keks(text: str) -> dict[int, Kek]:
    """The keys in the lines of a file; empty lines and those that begin with # are left out.

    Raises: MisconfiguredError, which names the line and never shows it.
    """
    found: dict[int, Kek] = {}
    for number, line in enumerate(text.splitlines(), 1):
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        kek = _read_line(line.strip(), number)
        if kek.kid in found:
            raise MisconfiguredError(f"ONENET_KEK: line {number}: there is a key {kek.kid} already")
        found[kek.kid] = kek
    if not found:
        raise MisconfiguredError("ONENET_KEK: expected lines like 1:std:<base64>, found none")
    return found


def _read_line(line: str, number: int) -> Kek:
    wrong = f"ONENET_KEK: line {number}: "
    parts = line.split(":")
    if len(parts) != 3:
        raise MisconfiguredError(wrong + "expected kid:suite:base64, as `onenet kek create` writes it")
    kid, name, encoded = parts
    if not (kid.isascii() and kid.isdigit() and 1 <= int(kid) <= MOST_KID):
        raise MisconfiguredError(wrong + f"expected a number from 1 to {MOST_KID} before the first colon")
    suite = BY_NAME.get(name)
    if suite is None:
        raise MisconfiguredError(wrong + f"expected a suite, one of {', '.join(BY_NAME)}")
    try:
        key = b64decode(encoded, validate=True)
    except (Error, ValueError):
        raise MisconfiguredError(wrong + "expected base64 after the second colon") from None
    if len(key) != suite.key_bytes:
        raise MisconfiguredError(wrong + f"expected a key of {suite.key_bytes} bytes, not {len(key)}")
    return Kek(int(kid), suite, key)


class FileKeys:
    """Key-encryption keys out of a file or a variable: a `KeyEncryption` in this process."""

    def __init__(self, keks: Mapping[int, Kek]):
        """Holds these keys."""
        self._keks = dict(sorted(keks.items()))
        self._ciphers = {
            kid: kek.suite.cipher(kek.suite.derived(kek.key, "wrap/v1")) for kid, kek in self._keks.items()
        }

    @classmethod
    def read(cls, text: str) -> FileKeys:
        """Those of a file's text. Raises: MisconfiguredError."""
        return cls(read_keks(text))

    def text(self, *further: Kek) -> str:
        """The text of a file that holds them and these."""
        return "".join(f"{kek.line()}\n" for kek in (*self._keks.values(), *further))

    def kids(self) -> Sequence[int]:
        """The numbers of the keys that are at hand, ascending."""
        return tuple(self._keks)

    def suite(self, kid: int) -> Suite:
        """The suite of a key. Raises: MisconfiguredError."""
        return self._kek(kid).suite

    def wrap(self, kid: int, key: bytes, place: str) -> bytes:
        """The key, sealed."""
        self._kek(kid)
        return blobs.seal(self._ciphers[kid], blobs.head(kid), key, f"{place}|key")

    def unwrap(self, blob: bytes, place: str) -> bytes:
        """The key in the blob. Raises: Unreadable, MisconfiguredError."""
        kid = blobs.kid_of(blob)
        self._kek(kid)
        return blobs.unseal(self._ciphers[kid], blob, place=place, row="key")

    def derive(self, kid: int, purpose: str) -> bytes:
        """A key for one purpose. Raises: MisconfiguredError."""
        kek = self._kek(kid)
        return kek.suite.derived(kek.key, purpose)

    def _kek(self, kid: int) -> Kek:
        kek = self._keks.get(kid)
        if kek is None:
            raise missing(kid)
        return kek


def missing(kid: int) -> MisconfiguredError:
    """The error for a key that rows need and nobody gave."""
    return MisconfiguredError(
        f"the database is encrypted under key-encryption key {kid}, which ONENET_KEK does not hold: "
        "put its line back, out of the copy that was kept"
    )


def write(file: Path, text: str) -> None:
    """Writes a new file that its owner alone can read. Raises: MisconfiguredError when there is one."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise MisconfiguredError(f"{file} is there already, and is left as it is: name a new file") from None
    with os.fdopen(descriptor, "w", encoding="ascii") as opened:
        opened.write(text)
        opened.flush()
        os.fsync(descriptor)
