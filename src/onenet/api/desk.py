"""The desk of a department that has no system: its clerks' work-list, claims, and answers.

Officers see and do what their own department's desk has, in their jurisdictions; supervisors see every desk
in theirs, without what applicants said, and may take a task from whoever has it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Path, Query
from orjson import Fragment
from starlette.requests import Request
from starlette.responses import Response

from onenet.adapters.webhook import ANSWERS
from onenet.api import case_views, cursors, preconditions
from onenet.api import desk_examples as examples
from onenet.api.answers import answer, as_json, page, stored
from onenet.api.bodies import Body, JsonBody
from onenet.api.contract import answers_with
from onenet.api.desk_shapes import DeskAnswer, DeskQuery, DeskTaskShape, NewClaim, NewHandover, NewRelease
from onenet.api.idempotency import once
from onenet.api.operations import Answers, Operations, caller
from onenet.api.parts import parts
from onenet.api.preconditions import entity_tag
from onenet.api.shapes import Page, given, moment
from onenet.domain import desk as rules
from onenet.domain.case import Case
from onenet.domain.commands import HandOver, PutBack, TakeUp, WorkAtDesk
from onenet.domain.delegation import Owner
from onenet.domain.outcome import Outcome
from onenet.domain.principal import Principal, Role
from onenet.domain.sheet import TASK_PREFIX
from onenet.errors import BadCursor
from onenet.services import desk
from onenet.services.cases import Replying
from onenet.services.desk import DeskTask
from onenet.store.desk import Place, Wanted
from onenet.store.idempotency import StoredAnswer

operations = Operations("departments")

TAKES = ("Idempotency-Key", "If-Match")
PERMISSION = "steps:decide"

ListQuery = Annotated[DeskQuery, Query()]
TaskKey = Annotated[str, Path(pattern=f"^{TASK_PREFIX}_[0-7][0-9A-HJKMNP-TV-Z]{{25}}$")]
ClaimBody = Annotated[Body[NewClaim], Depends(JsonBody(NewClaim, examples.CLAIM))]
HandoverBody = Annotated[Body[NewHandover], Depends(JsonBody(NewHandover, examples.HANDOVER))]
ReleaseBody = Annotated[Body[NewRelease], Depends(JsonBody(NewRelease, examples.RELEASE))]
AnswerBody = Annotated[Body[DeskAnswer], Depends(JsonBody(DeskAnswer, examples.DESK_ANSWER))]

_NOW: Answers = {200: answers_with("The task as it now is", DeskTaskShape, examples.DESK_TASK)}


@operations(
    "GET",
    "/v1/desk/tasks",
    permission=PERMISSION,
    answers={
        200: answers_with("A page of tasks, oldest first", Page[DeskTaskShape], examples.DESK_PAGE),
    },
)
async def list_desk_tasks(request: Request, query: ListQuery) -> Response:
    """Lists open tasks at the department's desk, those first that have lain there longest."""
    who, known = caller(request), parts(request)
    now = known.machine_clock.now()
    filters = {"list": "desk", "of": who.id, "claim": query.claim, "state": query.state}
    claimed_by = {"none": "", "mine": who.id}.get(query.claim or "")
    department = who.department if who.role is Role.OFFICER else None
    found, after = await desk.page(
        known.database,
        known.reading,
        await known.reading.visible(who, now),
        Wanted(department, claimed_by, query.state),
        after=_place(query.cursor, filters),
        limit=query.size,
    )
    known.reading.note([each.seen for each in found], who, now, "case")
    cursor = None
    if after is not None:
        cursor = cursors.write([after.desk_at.isoformat(), str(after.case_id), after.code], filters)
    return answer(request, page(request, [task_view(each, who) for each in found], cursor))


@operations(
    "GET",
    "/v1/desk/tasks/{task}",
    permission=PERMISSION,
    answers={200: answers_with("The task", DeskTaskShape, examples.DESK_TASK_WITH_SHEET)},
)
async def get_desk_task(request: Request, task: TaskKey) -> Response:
    """Shows a task with all that the department is told of it; the look is on record first."""
    who, known = caller(request), parts(request)
    found, sheet = await desk.show(known.database, known.reading, task, who, known.machine_clock.now())
    further = {"sheet": Fragment(sheet)} if sheet else {}
    return answer(request, task_view(found, who) | further, tag=_tag(found, who))


@operations(
    "POST", "/v1/desk/tasks/{task}/claims", permission=PERMISSION, answers=_NOW, takes=TAKES, problems=(409,)
)
async def claim_desk_task(request: Request, task: TaskKey, body: ClaimBody) -> Response:
    """Takes a task up: nobody else may answer it then. A supervisor may take it over, for a reason."""
    return await _work(request, task, TakeUp(body.value.reason), body.raw)


@operations(
    "POST",
    "/v1/desk/tasks/{task}/handovers",
    permission=PERMISSION,
    answers=_NOW,
    takes=TAKES,
    problems=(409,),
)
async def hand_over_desk_task(request: Request, task: TaskKey, body: HandoverBody) -> Response:
    """Gives a task that one has claimed to another clerk of the department."""
    return await _work(request, task, HandOver(body.value.to, body.value.reason), body.raw)


@operations(
    "POST",
    "/v1/desk/tasks/{task}/releases",
    permission=PERMISSION,
    answers=_NOW,
    takes=TAKES,
    problems=(409,),
)
async def release_desk_task(request: Request, task: TaskKey, body: ReleaseBody) -> Response:
    """Puts a task back that one has claimed: anybody of the department may take it up."""
    return await _work(request, task, PutBack(body.value.reason), body.raw)


@operations(
    "POST", "/v1/desk/tasks/{task}/answers", permission=PERMISSION, answers=_NOW, takes=TAKES, problems=(409,)
)
async def answer_desk_task(request: Request, task: TaskKey, body: AnswerBody) -> Response:
    """Answers a task that one has claimed, in every department's words: accepts, completes, rejects …"""
    shape = ANSWERS[body.value.root.outcome]
    return await _work(request, task, shape.model_validate_json(body.raw).to_outcome(), body.raw)


async def _work(
    request: Request, key: str, act: TakeUp | HandOver | PutBack | Outcome, raw: bytes
) -> Response:
    who, known = caller(request), parts(request)
    found = await desk.find(known.database, known.reading, key, who, known.machine_clock.now(), what="case")
    if_match = preconditions.listed_tags(request.headers.getlist("if-match"))
    command = WorkAtDesk(found.task.id, desk.clerk(who), act, _marks(if_match, found, who))
    replying = Replying(
        actor=who.name_for(Owner(found.case.client, found.case.subject)),
        once=once(request, who, raw),
        render=lambda case, reply: _rendered(_again(found, case), who),
    )
    result = await desk.work(known.gate, found, command, replying)
    if result.answer is None:
        raise RuntimeError("the gate gave no answer to a change that was to be rendered")
    return stored(result.answer, replayed=result.replayed)


def _again(found: DeskTask, case: Case) -> DeskTask:
    """The same task, in the case as it is by now."""
    seen = found.seen._replace(case=case)
    return DeskTask(seen, case.steps[found.step.code], case.tasks[found.task.id])


def _rendered(found: DeskTask, who: Principal) -> StoredAnswer:
    return StoredAnswer(200, as_json(task_view(found, who)), {"ETag": _tag(found, who)})


def task_view(found: DeskTask, who: Principal) -> dict[str, Any]:
    """The members of a task, for who works at the desk."""
    case, step = found.case, found.step
    member = case.bundle.member(step.code)
    is_present = found.task.submission == step.submission
    return given(
        {
            "task": found.key,
            "case": str(case.id),
            "number": case.number,
            "bundle": case_views.bundle_mark(case.bundle),
            "jurisdiction": case.jurisdiction,
            "step": step.code,
            "names": dict(member.names),
            "department": case_views.department_view(case.bundle, step.department),
            "submission": found.task.submission,
            "state": step.state.value,
            "since": moment(step.since),
            "arrived_at": moment(step.desk_at or step.since),
            "waiting": case_views.waiting_view(step.waiting) if step.waiting else None,
            "promised": case_views.limit_view(member.promised),
            "claimed_by": step.claim.by if step.claim else None,
            "claimed_at": moment(step.claim.at) if step.claim else None,
            "possible": list(rules.possible(step, desk.clerk(who))) if is_present else [],
            "links": {"self": f"/v1/desk/tasks/{found.key}", "case": f"/v1/cases/{case.id}"},
        }
    )


def _tag(found: DeskTask, who: Principal) -> str:
    """The strong ETag of a task; it begins with the mark of its step."""
    return f'"{rules.mark(found.step)}.{_viewer(found, who)}"'


def _viewer(found: DeskTask, who: Principal) -> str:
    return entity_tag(case_views.SHAPE_VERSION, found.key, who.id).strip('"')[:16]


def _marks(tags: list[str] | None, found: DeskTask, who: Principal) -> frozenset[str] | None:
    """The marks of the step that the task's own ETags in If-Match name; None without a condition."""
    if tags is None:
        return None
    parts_of = [tag.strip('"').partition(".") for tag in tags]
    return frozenset(mark for mark, _, viewer in parts_of if viewer == _viewer(found, who))


def _place(cursor: str | None, filters: Mapping[str, Any]) -> Place | None:
    place = cursors.read(cursor, filters, parts=3)
    if place is None:
        return None
    try:
        return Place(cursors.moment(place[0]), UUID(place[1]), place[2])
    except ValueError:
        raise BadCursor from None
