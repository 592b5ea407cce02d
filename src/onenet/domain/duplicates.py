"""Duplicates: the same applicant has an open case of the same thing in the same place already 重复申请.

Only cases of the same owner count. So whoever is told of one may see it, and who knows somebody's identity
number learns nothing from applying in that name: such an application is taken as any other.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from onenet.domain.states import CaseState
from onenet.errors import DuplicateCase


class Thing(NamedTuple):
    """What makes two applications the same: whose, of which bundle, where, and for whom."""

    client: str
    subject: str
    bundle: str
    jurisdiction: str
    id_no: str


class OpenCase(NamedTuple):
    """A case of the same thing that is open."""

    id: UUID
    number: str
    state: CaseState


@dataclass(frozen=True, slots=True)
class Intended:
    """The applicant has seen that there is `case`, and wants another one."""

    case: UUID
    reason: str


def check(found: Sequence[OpenCase], intended: Intended | None) -> Intended | None:
    """Passes when there is none, or when the applicant names one of them, which is given: it goes on record.

    Raises: DuplicateCase.
    """
    if intended and intended.case in {each.id for each in found}:
        return intended
    if not found:
        return None  # what the applicant named is closed by now, or never was his own
    last = found[-1]
    present = {"case": str(last.id), "number": last.number, "state": last.state.value}
    go_on = {"action": "go_on", "by": ["applicant"], "link": f"/v1/cases/{last.id}"}
    named = {"duplicate": {"case": str(last.id), "reason": "…"}}
    again = {"action": "submit_again", "by": ["applicant"], "with": named}
    raise DuplicateCase("there is an open case of the same thing", present, (go_on, again))


def told(intended: Intended | None) -> dict[str, str]:
    """What the first event says of it."""
    return {"duplicate_of": str(intended.case), "duplicate_reason": intended.reason} if intended else {}
