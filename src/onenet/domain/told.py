"""Told: what of an application one department is told, and nothing that is not its business."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from onenet.domain import agents, guidance
from onenet.domain.agents import Agent
from onenet.domain.bundle import Bundle, Json, Member
from onenet.domain.case import Applicant
from onenet.domain.filing import Filing, result_channel
from onenet.domain.identifiers import masked


def applicant(who: Applicant, member: Member) -> dict[str, str | None]:
    """The applicant as this member's department is told."""
    whole = {name: getattr(who, name) for name in Applicant.__dataclass_fields__}
    return whole if member.identity else whole | {"id_no": masked(who.id_no)}


def agent(who: Agent | None, member: Member) -> dict[str, Any]:
    """Who applied in the applicant's place, where the item needs to know."""
    if who is None or member.agent != "told":
        return {}
    return {"agent": agents.as_json(who, is_masked=not member.identity)}


def answers(bundle: Bundle, member: Member, given: Mapping[str, Json]) -> Mapping[str, Json]:
    """The answers that this member's department is told, where their questions were asked."""
    if not member.answers:
        return {}
    counted = guidance.counted_answers(bundle, given)
    return {code: counted[code] for code in member.answers if code in counted}


def fields(member: Member, form: Mapping[str, Any]) -> Mapping[str, Any]:
    """The fields that this member's department is told."""
    return {code: form[code] for code in member.fields if code in form}


def delivery(member: Member, filing: Filing) -> dict[str, Any]:
    """How its results are wished for, where its department has anything to do, and where a courier goes."""
    channel = result_channel(member, filing)
    if channel == "electronic" or not member.results:
        return {}
    address = filing.delivery.address if filing.delivery and channel == "courier" else None
    return {"delivery": {"channel": channel, "address": address}}
