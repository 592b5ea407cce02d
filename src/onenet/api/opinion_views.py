"""What is shown of an opinion: to who sees the step, and to the department that was asked."""

from __future__ import annotations

from typing import Any

from onenet.api.shapes import given, moment
from onenet.domain.case import Case, Step
from onenet.domain.events import OPINION_EVENTS, PLAIN, SAID_BY_CITIZENS
from onenet.domain.opinions import put_of
from onenet.domain.procedures import Opinion, opinions_of
from onenet.domain.visibility import Content, View


def views(step: Step, view: View) -> list[dict[str, Any]]:
    """The opinions that were asked inside a step."""
    return [step_view(each, view) for each in opinions_of(step.procedures)]


def members(step: Step, view: View) -> dict[str, Any]:
    """The same as a member of the step, where there are any."""
    return {"opinions": views(step, view)} if opinions_of(step.procedures) else {}


def step_view(opinion: Opinion, view: View) -> dict[str, Any]:
    """One for who sees its step. That it was asked, of whom and until when is everybody's; what was asked and
    said is between the departments, and of who supervises them.
    """
    members = {"id": str(opinion.id), "department": _department(opinion), **_standing(opinion)}
    if view.has_opinions:
        put = put_of(opinion)
        codes = {
            "fields": list(put["fields"]),
            "materials": [each["code"] for each in put["materials"]],
            "applicant": "applicant" in put,
        }
        members |= {"question": opinion.question, "put": codes, **_answer(opinion)}
    return given(members)


def asked_view(case: Case, step: Step, opinion: Opinion) -> dict[str, Any]:
    """One for the department that was asked. What was put to it is gone with a question that is not asked any
    more; of the case it is told the number and the item alone.
    """
    member = case.bundle.member(step.code)
    here = f"/v1/opinions/{opinion.id}"
    members = {
        "id": str(opinion.id),
        "number": case.number,
        "item": member.item,
        "names": dict(member.names),
        "asked_by": {"code": step.department, "names": dict(case.bundle.departments[step.department].names)},
        **_standing(opinion),
        "question": opinion.question,
        **_answer(opinion),
        "links": {"self": here},
    }
    if opinion.state in ("asked", "given"):
        put = put_of(opinion)
        for material in put["materials"]:
            if "document" in material:
                material["links"] = {"content": f"{here}/documents/{material['document']}/content"}
        members["put"] = put
    return given(members)


def told(type: str, data: dict[str, Any], view: View) -> dict[str, Any]:
    """What an event says in this view: words for who sees any, and those about opinions, and of citizens, for
    who sees them.
    """
    is_hidden = (type in OPINION_EVENTS and not view.has_opinions) or (
        type in SAID_BY_CITIZENS and view.content is Content.NOTHING
    )
    if view.has_words and not is_hidden:
        return data
    return {name: value for name, value in data.items() if name in PLAIN}


def _department(opinion: Opinion) -> dict[str, Any]:
    return {"code": opinion.department, "names": dict(opinion.names)}


def _standing(opinion: Opinion) -> dict[str, Any]:
    return {
        "state": opinion.state,
        "asked_at": moment(opinion.at),
        "due_at": moment(opinion.due_at),
        "is_overdue": opinion.is_overdue,
        "ended_at": moment(opinion.ended_at) if opinion.ended_at else None,
    }


def _answer(opinion: Opinion) -> dict[str, Any]:
    return {"answer": opinion.answer, "words": opinion.words, "answered_by": opinion.answered_by}
