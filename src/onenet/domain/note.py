"""Note: a signed checkpoint as text, in the form that witnesses of transparency logs read.

A checkpoint says how many events are sealed and the root of the tree over them. Its text is

    <origin>
    <size>
    <root in base64>
    suite <name of the suite>
    at <moment>

    — <origin> <base64 of: 4 bytes that name the key, the signature>

The public key travels as `<origin>+<key name in hex>+<base64 of: algorithm, key>` ("vkey").
Source: C2SP signed-note and tlog-checkpoint.
"""

from __future__ import annotations

import re
from base64 import b64decode, b64encode
from binascii import Error
from dataclasses import dataclass
from hashlib import sha256

from onenet.domain.tree import HASH_BYTES

ED25519 = b"\x01"
NAME_BYTES = 4
SIGNATURE_BYTES = 64
KEY_BYTES = 32
SUITE = "std"
"""SHA-256 and ed25519. A log keeps the suite that it began with: its tree would be another one."""

_DASH = "— "
_ORIGIN = re.compile(r"[!-*,-~]{1,128}")
"""Visible, without a plus sign, which separates the parts of a vkey."""
_AT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00", re.ASCII)
MOST_SIZE = 1 << 62


class MalformedNote(ValueError):
    """The text is no signed checkpoint, or no public key, of this form."""


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """How many events are sealed, and the root over them. `at` is the text that was signed."""

    origin: str
    size: int
    root: bytes
    at: str
    suite: str = SUITE

    def text(self) -> str:
        """What is signed."""
        root = b64encode(self.root).decode()
        return f"{self.origin}\n{self.size}\n{root}\nsuite {self.suite}\nat {self.at}\n"


@dataclass(frozen=True, slots=True)
class Signed:
    """A checkpoint with its one signature, and the name of the key that made it."""

    checkpoint: Checkpoint
    key_name: bytes
    signature: bytes

    def text(self) -> str:
        """The note."""
        stamp = b64encode(self.key_name + self.signature).decode()
        return f"{self.checkpoint.text()}\n{_DASH}{self.checkpoint.origin} {stamp}\n"


@dataclass(frozen=True, slots=True)
class PublicKey:
    """Who signs: a log's origin and its ed25519 key."""

    origin: str
    key: bytes

    @property
    def name(self) -> bytes:
        """The four bytes that name it in a note."""
        return sha256(self.origin.encode() + b"\n" + ED25519 + self.key).digest()[:NAME_BYTES]

    def text(self) -> str:
        """The vkey."""
        return f"{self.origin}+{self.name.hex()}+{b64encode(ED25519 + self.key).decode()}"


def read_key(text: str) -> PublicKey:
    """The public key in a vkey. Raises: MalformedNote."""
    origin, _, rest = text.strip().partition("+")
    name, _, encoded = rest.partition("+")
    raw = _base64(encoded)
    if not _ORIGIN.fullmatch(origin) or len(raw) != 1 + KEY_BYTES or raw[:1] != ED25519:
        raise MalformedNote("expected <origin>+<8 hex digits>+<base64>, as `onenet log key` prints it")
    found = PublicKey(origin, raw[1:])
    if found.text() != text.strip():
        raise MalformedNote(f"the key's name {name!r} is not that of the key")
    return found


def read(text: str) -> Signed:
    """The signed checkpoint in a note: this text and no other gives it. Raises: MalformedNote."""
    lines = text.split("\n")
    if len(lines) != 8 or lines[5] or lines[7]:
        raise MalformedNote("expected five lines, an empty one and one signature")
    origin, size, root, suite, at, _, stamp, _ = lines
    if not re.fullmatch(r"[1-9][0-9]{0,18}", size, re.ASCII) or int(size) > MOST_SIZE:
        raise MalformedNote("expected the number of leaves in the second line")
    if not (_ORIGIN.fullmatch(origin) and suite.startswith("suite ") and at.startswith("at ")):
        raise MalformedNote("expected an origin, a suite and a moment")
    if not _AT.fullmatch(at.removeprefix("at ")):
        raise MalformedNote("expected a moment in UTC with microseconds")
    raw = _base64(stamp.removeprefix(f"{_DASH}{origin} "))
    checkpoint = Checkpoint(origin, int(size), _base64(root), at[3:], suite[6:])
    found = Signed(checkpoint, raw[:NAME_BYTES], raw[NAME_BYTES:])
    if len(checkpoint.root) != HASH_BYTES or len(found.signature) != SIGNATURE_BYTES or found.text() != text:
        raise MalformedNote("expected a root of 32 bytes and a signature of 64, in base64")
    return found


def _base64(text: str) -> bytes:
    try:
        return b64decode(text, validate=True)
    except (Error, ValueError):
        raise MalformedNote("expected base64") from None
