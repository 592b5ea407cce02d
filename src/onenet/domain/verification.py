"""Verification: the code by which anybody can look whether a result still stands, without a log-in.

Sixteen characters of Crockford's base 32, typed from paper: the first six find the step, eight bits of them
its lane, so that one node is asked; the other ten prove the number. 72 bits are secret.
Source: domain.md section 16 (number and secret, never an identity number);
https://www.crockford.com/base32.html.
"""

from __future__ import annotations

from typing import NamedTuple

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
LOCATOR_CHARACTERS, PROOF_CHARACTERS = 6, 10
LOCATOR_BITS, PROOF_BITS = 22, 50

_MEANT = str.maketrans({"O": "0", "I": "1", "L": "1", "-": None, " ": None})


class Code(NamedTuple):
    """A code in its two parts, as numbers."""

    locator: int
    proof: int

    @property
    def lane(self) -> int:
        """The lane in which its step is."""
        return self.locator >> LOCATOR_BITS

    def __str__(self) -> str:
        """In groups of four."""
        text = _written(self.locator, LOCATOR_CHARACTERS) + _written(self.proof, PROOF_CHARACTERS)
        return "-".join(text[at : at + 4] for at in range(0, len(text), 4))


def locator_of(lane: int, mac: bytes) -> int:
    """Where the results of a step in that lane are found, out of the MAC for that."""
    return lane << LOCATOR_BITS | _bits(mac, LOCATOR_BITS)


def proof_of(mac: bytes) -> int:
    """What proves a number, out of the MAC for that."""
    return _bits(mac, PROOF_BITS)


def read(text: str) -> Code | None:
    """The code that somebody typed, with or without its strokes; None where it can be none."""
    meant = text.strip().upper().translate(_MEANT)
    if len(meant) != LOCATOR_CHARACTERS + PROOF_CHARACTERS or not set(meant) <= set(ALPHABET):
        return None
    return Code(_number(meant[:LOCATOR_CHARACTERS]), _number(meant[LOCATOR_CHARACTERS:]))


def _bits(mac: bytes, number: int) -> int:
    return int.from_bytes(mac, "big") >> (len(mac) * 8 - number)


def _written(number: int, characters: int) -> str:
    return "".join(ALPHABET[number >> 5 * place & 31] for place in reversed(range(characters)))


def _number(text: str) -> int:
    number = 0
    for character in text:
        number = number << 5 | ALPHABET.index(character)
    return number
