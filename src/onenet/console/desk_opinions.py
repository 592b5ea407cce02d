"""Asking another department for its opinion at the desk, and taking the question back.

Who has claimed the task does it, as with everything at the desk; over HTTP any officer of the department may.
Nothing is put to who is asked but what was ticked.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from onenet.console.desk_forms import needed_text
from onenet.console.desk_words import DESK
from onenet.console.words import Language
from onenet.domain import moves
from onenet.domain.bundle import Bundle, Department
from onenet.domain.delegation import Owner
from onenet.domain.opinion_acts import AskOpinion, WithdrawOpinion
from onenet.domain.opinions import CAN_BE_PUT, open_of
from onenet.domain.principal import Principal
from onenet.errors import Conflict, PreconditionFailed
from onenet.services import opinions
from onenet.services.catalogue import Catalogue
from onenet.services.desk import DeskTask

ASK, WITHDRAW = "ask_opinion", "withdraw_opinion"
APPLICANT, FIELD, MATERIAL = "applicant", "field:", "material:"
"""The name of a tick for who applies; and what stands before the code of what else is put to it."""


@dataclass(frozen=True, slots=True)
class Asking:
    """What the form offers: departments that are not asked yet, and what can be put to one, by its name in
    the form.
    """

    departments: tuple[tuple[str, str], ...]
    put: tuple[tuple[str, str], ...]


def may(found: DeskTask, who: Principal) -> bool:
    """Whether this person asks and withdraws in this task."""
    claim = found.step.claim
    return "opinions:write" in who.permissions and claim is not None and claim.by == who.id


def asking(
    found: DeskTask, sheet: str | None, who: Principal, language: Language, departments: Sequence[Department]
) -> Asking | None:
    """The form, for who can ask now."""
    if sheet is None or not may(found, who) or not moves.OF_STEP[ASK].holds(found.step):
        return None
    asked = {found.step.department, *(each.department for each in open_of(found.step))}
    others = tuple((each.code, each.names[language]) for each in departments if each.code not in asked)
    return Asking(others, tuple(_put(json.loads(sheet), found.case.bundle, language))) if others else None


def _put(sheet: Mapping[str, Any], bundle: Bundle, language: Language) -> Iterator[tuple[str, str]]:
    yield APPLICANT, DESK["desk_applicant"][language]
    for code in sheet["form"]:
        yield FIELD + code, bundle.fields[code].names[language]
    for each in sheet["materials"]:
        if each.keys() & CAN_BE_PUT:
            yield MATERIAL + each["code"], each["names"][language]


async def command(
    catalogue: Catalogue, found: DeskTask, who: Principal, said: Mapping[str, str]
) -> AskOpinion | WithdrawOpinion:
    """What a form says.

    Raises: Conflict for who may not, InvalidInput, UnknownReference; PreconditionFailed for what is not asked
    any more.
    """
    if not may(found, who):
        raise Conflict
    if said["act"] == WITHDRAW:
        awaited = {str(each.id): each.id for each in open_of(found.step)}
        if said.get("opinion") not in awaited:
            raise PreconditionFailed
        return WithdrawOpinion(found.step.code, awaited[said["opinion"]], needed_text(said, "reason"))
    asked = await opinions.department(catalogue, needed_text(said, "department"))
    return AskOpinion(
        found.step.code,
        asked.code,
        asked.names,
        needed_text(said, "question"),
        who.name_for(Owner(found.case.client, found.case.subject)),
        materials=_ticked(said, MATERIAL),
        fields=_ticked(said, FIELD),
        with_applicant=APPLICANT in said,
    )


def _ticked(said: Mapping[str, str], prefix: str) -> tuple[str, ...]:
    return tuple(name.removeprefix(prefix) for name in said if name.startswith(prefix))
