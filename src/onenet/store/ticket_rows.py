"""The rows of a hotline ticket and its units, of the case as it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from onenet.domain.calendar import local_day
from onenet.domain.case import Case
from onenet.domain.tickets import Round, Ticket, Unit


def row(case: Case, given: Ticket) -> dict[str, Any]:
    """The row of a ticket."""
    plain = {"state": given.state, "about": given.about, "rounds": len(given.rounds)}
    return {"lane": case.lane, "case_id": case.id, **plain}


def unit_rows(case: Case, given: Ticket) -> Iterator[dict[str, Any]]:
    """The rows of its units."""
    for turn, each in enumerate(given.rounds, 1):
        for number, unit in enumerate(each.units, 1):
            yield {
                "lane": case.lane,
                "case_id": case.id,
                "round": turn,
                "number": number,
                "department": unit.department,
                "part": unit.part,
                "state": unit.state,
                "assigned_on": local_day(unit.assigned_at, case.utc_offset_minutes).isoformat(),
                "is_late": int(unit.is_late),
                **_said(each, unit),
            }


def _said(turn: Round, unit: Unit) -> dict[str, int | None]:
    """What the citizen said when called back: of the lead that answered, and of nobody else."""
    said = turn.call_back if unit is turn.lead else None
    names = ("is_solved", "is_satisfied")
    return {name: int(getattr(said, name)) if said else None for name in names}
