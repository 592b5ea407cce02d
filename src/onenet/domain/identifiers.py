"""Check characters of identity numbers and unified social credit codes.

The type of a document decides whether a number is asked for, the check character whether it was typed right.
Nothing else is checked: real documents carry places and dates that tables of places and calendars refuse,
such as the residence permits 81, 82 and 83 and the sample in GB 11643 itself.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from operator import mul

# [0-9], since \d and int() also take full-width and Arabic digits.
_IDENTITY_NUMBER = re.compile(r"[0-9]{17}[0-9X]")
_IDENTITY_CHECKS = "10X98765432"
_IDENTITY_WEIGHTS = tuple(2 ** (17 - place) % 11 for place in range(17))

_USCC_ALPHABET = "0123456789ABCDEFGHJKLMNPQRTUWXY"
_USCC_WEIGHTS = tuple(pow(3, place, 31) for place in range(17))
_USCC = re.compile(f"[{_USCC_ALPHABET}]{{18}}")


def normalise_identity_number(text: str) -> str:
    """The number as it is stored: a final lower-case `x` becomes `X`, nothing else changes."""
    return f"{text[:-1]}X" if text.endswith("x") else text


def is_identity_number(text: str) -> bool:
    """Whether this is an 18-character identity number with the right check character; `x` counts as `X`.

    Source: GB 11643, ISO 7064 MOD 11-2.
    """
    number = normalise_identity_number(text)
    if not _IDENTITY_NUMBER.fullmatch(number):
        return False
    total = sum(map(mul, _IDENTITY_WEIGHTS, map(int, number[:17])))
    return _IDENTITY_CHECKS[total % 11] == number[17]


def is_uscc(text: str) -> bool:
    """Whether this is an 18-character unified social credit code with the right check character.

    Source: GB 32100, modulus 31; the letters I, O, S, V and Z are not in its alphabet.
    """
    if not _USCC.fullmatch(text):
        return False
    total = sum(map(mul, _USCC_WEIGHTS, map(_USCC_ALPHABET.index, text[:17])))
    return _USCC_ALPHABET[-total % 31] == text[17]


FORMATS: Mapping[str, Callable[[str], bool]] = {"cn-ric": is_identity_number, "cn-uscc": is_uscc}
"""Formats that fields of a form can name, beside those of JSON Schema."""


def masked(number: str) -> str:
    """The number with all but its ends hidden: `110***********1234`; a short one wholly."""
    return f"{number[:3]}{'*' * (len(number) - 7)}{number[-4:]}" if len(number) >= 12 else "*" * len(number)
