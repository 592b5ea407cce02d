"""Agents 代办: who applies for somebody else, by whose mandate 授权委托书, and where that is possible.

Two ways lead here. With a delegation the agent acts in the case of the account that gave it: scope, period
and proof are the delegation's. Without one the account is the agent's own, and the application says by which
mandate, and hands in the paper. Source: LIC article 29(2); GB/T 39046 table 5; domain.md section 14.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from onenet.domain.bundle import Member
from onenet.domain.identifiers import masked
from onenet.errors import Fault, MandateInvalid, PresenceNeeded


@dataclass(frozen=True, slots=True)
class Mandate:
    """What the applicant lets the agent do: for `items` (steps; empty: all), from a day to a day, both in it.

    `material`: the code of the paper that says so.
    """

    begins_on: date
    ends_on: date
    material: str
    items: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Agent:
    """Who acts for the applicant. `mandate` None: by the delegation that the case was opened with."""

    name: str
    id_type: str
    id_no: str
    relation: str
    phone: str | None = None
    mandate: Mandate | None = None


def check(agent: Agent | None, members: Sequence[Member], handed_in: set[str], today: date) -> None:
    """Passes when an agent can apply for these members on this day of the place.

    `handed_in`: codes of materials. Raises: PresenceNeeded, MandateInvalid.
    """
    if present := [member for member in members if member.agent == "refused"]:
        raise PresenceNeeded(
            ", ".join(member.code for member in present),
            faults=tuple(
                Fault("presence", f"须本人到场办理：{member.names['zh']}",
                      f"Needs the applicant's presence: {member.code}", pointer="/agent")
                for member in present
            ),
        )  # fmt: skip
    if agent is None or agent.mandate is None:
        return
    faults = tuple(_faults(agent.mandate, [member.code for member in members], handed_in, today))
    if faults:
        raise MandateInvalid(faults[0].message_en, faults=faults)


def check_period(agent: Agent | None, today: date) -> None:
    """Passes when the agent's own mandate still holds. Raises: MandateInvalid."""
    if agent and agent.mandate and (faults := tuple(_period(agent.mandate, today))):
        raise MandateInvalid(faults[0].message_en, faults=faults)


def _faults(mandate: Mandate, codes: list[str], handed_in: set[str], today: date) -> Iterator[Fault]:
    yield from _period(mandate, today)
    if outside := [code for code in codes if mandate.items and code not in mandate.items]:
        listed = ", ".join(outside)
        yield Fault("out_of_scope", f"授权范围不包括：{listed}", f"The mandate does not cover {listed}",
                    pointer="/agent/mandate/items")  # fmt: skip
    if mandate.material not in handed_in:
        yield Fault("no_proof", "未提交授权委托书", "The paper that proves it is not handed in",
                    pointer="/agent/mandate/material")  # fmt: skip


def _period(mandate: Mandate, today: date) -> Iterator[Fault]:
    if today < mandate.begins_on:
        yield Fault(
            "not_yet", "授权尚未生效", "The mandate does not hold yet", pointer="/agent/mandate/begins_on"
        )
    if today > mandate.ends_on:
        yield Fault("expired", "授权已到期", "The mandate has expired", pointer="/agent/mandate/ends_on")


def as_json(agent: Agent, *, is_masked: bool = False) -> dict[str, Any]:
    """The agent as members; the identity number masked where it is not needed."""
    told: dict[str, Any] = {
        "name": agent.name,
        "id_type": agent.id_type,
        "id_no": masked(agent.id_no) if is_masked else agent.id_no,
        "relation": agent.relation,
    }
    if agent.phone:
        told["phone"] = agent.phone
    if (mandate := agent.mandate) is not None:
        told["mandate"] = {
            "begins_on": mandate.begins_on.isoformat(),
            "ends_on": mandate.ends_on.isoformat(),
            "material": mandate.material,
            "items": list(mandate.items),
        }
    return told


def read(said: dict[str, Any] | None) -> Agent | None:
    """The agent in such members."""
    if said is None:
        return None
    mandate = said.get("mandate")
    if mandate is not None:
        days = {name: date.fromisoformat(mandate[name]) for name in ("begins_on", "ends_on")}
        mandate = Mandate(**days, material=mandate["material"], items=tuple(mandate["items"]))
    return Agent(**said | {"mandate": mandate})
