"""Runs a module without a part of onenet, to measure what that part costs, and for nothing else.

`python -m bench.own.without encryption MODULE WORD ...`: new cases and stored answers lie in the clear.
`python -m bench.own.without criteria MODULE WORD ...`: everybody sees every case.
"""

from __future__ import annotations

import runpy
import sys
from typing import Any
from uuid import UUID

from sqlalchemy import true

from onenet.domain.visibility import Visible
from onenet.encryption.ring import DataKey, KeyRing
from onenet.store import visibility
from onenet.store.sealing import ANSWER

_seal = DataKey.seal


def _no_key(ring: KeyRing) -> Any:
    return None, None


def _answers_in_the_clear(key: DataKey, text: str, *, place: str, row: UUID | str) -> str:
    return text if place == ANSWER else _seal(key, text, place=place, row=row)


def _every_row(*of: object) -> Any:
    return true()


def _first_way(ways: Visible, case: object) -> Any:
    return ways.sights[0]


INSTEAD = {
    "encryption": ((KeyRing, "new_data_key", _no_key), (DataKey, "seal", _answers_in_the_clear)),
    "criteria": (
        (visibility, "criterion", _every_row),
        (visibility, "of_case", _every_row),
        (Visible, "sight_of", _first_way),
    ),
}
"""What is put in the place of what."""

if __name__ == "__main__":
    _, part, module, *words = sys.argv
    for owner, name, other in INSTEAD[part]:
        setattr(owner, name, other)
    sys.argv = [module, *words]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
