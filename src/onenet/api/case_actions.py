"""What can be done to a case: hand in a supplement, withdraw it, decide a held step."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import Depends
from pydantic import Field
from starlette.requests import Request
from starlette.responses import Response

from onenet.api import examples, preconditions
from onenet.api.answers import stored
from onenet.api.bodies import Body, JsonBody
from onenet.api.case_queries import CaseId, StepCode
from onenet.api.case_shapes import (
    CaseShape,
    ExtensionSubmission,
    SubjectCount,
    SupplementSubmission,
    materials_given,
)
from onenet.api.case_views import seq_of_tags, step_views
from onenet.api.cases import custody_of, load, note_evidence, replying_to
from onenet.api.contract import answers_with
from onenet.api.desk_shapes import MOST_ENTRIES, GivenResult
from onenet.api.operations import Operations, caller
from onenet.api.parts import parts
from onenet.api.shapes import Code, LongText
from onenet.api.shapes import Request as RequestShape
from onenet.domain.commands import DecideStep, Extend, HandInSupplement, Withdraw
from onenet.domain.delegation import Owner
from onenet.errors import Fault, InvalidInput, NotFound
from onenet.services import cases
from onenet.services.cases import Replying
from onenet.services.change import Result
from onenet.services.desk import check_codes
from onenet.services.reading import Seen

operations = Operations("cases")

TAKES = ("Idempotency-Key", "If-Match")


ONE_OF_THEM = Fault(
    "needless", "事项与对象只能选其一", "Expected no subject: a step is said", pointer="/subject"
)
NO_RESULTS = Fault(
    "needless",
    "只有办结时才能登记结果",
    "Expected no results: only `complete` issues any",
    pointer="/results",
)


class Withdrawal(RequestShape):
    """Taking a case back, one step of it where the bundle lets that be done, or what is of one of several
    subjects, such as the second of twins.
    """

    reason: LongText | None = None
    step: Code | None = None
    subject: SubjectCount | None = None


class StepDecision(RequestShape):
    """What a person decides about a step that is held; `hold` stops one that its department has.

    `results`: what was issued at the counter, with `complete` alone. `without_opinions`: why it is completed
    or rejected although opinions were asked that are not given.
    """

    action: Literal["hold", "release", "complete", "reject", "skip", "cancel"]
    reason: LongText
    results: Annotated[list[GivenResult], Field(max_length=MOST_ENTRIES)] = Field(default=[])
    without_opinions: LongText | None = None


SupplementBody = Annotated[
    Body[SupplementSubmission], Depends(JsonBody(SupplementSubmission, examples.SUPPLEMENT))
]
WithdrawalBody = Annotated[Body[Withdrawal], Depends(JsonBody(Withdrawal, examples.WITHDRAWAL))]
ExtensionBody = Annotated[
    Body[ExtensionSubmission], Depends(JsonBody(ExtensionSubmission, examples.EXTENSION))
]
DecisionBody = Annotated[Body[StepDecision], Depends(JsonBody(StepDecision, examples.DECISION))]


@operations(
    "POST",
    "/v1/cases/{case_id}/supplements",
    permission="cases:write",
    answers={200: answers_with("The case as it now is", CaseShape, examples.CASE)},
    takes=TAKES,
)
async def hand_in_supplement(request: Request, case_id: CaseId, body: SupplementBody) -> Response:
    """Hands in what a step asked for: materials, corrected fields, or both; the step goes on then.

    A material that was promised in an undertaking is handed in here too, also after the step was granted.
    """
    seen, said = await load(request, case_id), body.value
    given = materials_given(said.materials)
    command = HandInSupplement(said.step, given, said.form, by_agent=is_by_agent(seen))
    replying = replying_as(request, seen, body.raw)
    known = parts(request)
    custody = custody_of(request, command.materials)
    result = await cases.hand_in_supplement(known.gate, seen.case, command, replying, custody)
    await note_evidence(known, caller(request), result, command.materials)
    return answered(result)


@operations(
    "POST",
    "/v1/cases/{case_id}/withdrawal",
    permission="cases:write",
    answers={200: answers_with("The case as it now is", CaseShape, examples.CASE)},
    takes=TAKES,
)
async def withdraw_case(request: Request, case_id: CaseId, body: WithdrawalBody) -> Response:
    """Takes a case back, a step, or one subject: what is open is cancelled, departments at work are told.

    What they still answer is only recorded.
    """
    seen, said = await load(request, case_id), body.value
    if said.step is not None and said.subject is not None:
        raise InvalidInput(faults=(ONE_OF_THEM,))
    replying = replying_as(request, seen, body.raw)
    command = Withdraw(said.reason, said.step, by_agent=is_by_agent(seen), subject=said.subject)
    return answered(await cases.withdraw(parts(request).gate, seen.case.id, command, replying))


@operations(
    "POST",
    "/v1/cases/{case_id}/steps/{step}/decisions",
    permission="steps:decide",
    answers={200: answers_with("The case as it now is", CaseShape, examples.CASE)},
    takes=TAKES,
)
async def decide_step(request: Request, case_id: CaseId, step: StepCode, body: DecisionBody) -> Response:
    """Decides about a step that is held: lets it go on, or closes it; reason and results go on record.

    `hold` stops a step that its department has, and has lost; it can be decided or sent again then.
    """
    seen, said = await load_step(request, case_id, step), body.value
    if said.results and said.action != "complete":
        raise InvalidInput(faults=(NO_RESULTS,))
    results = tuple(each.to_result() for each in said.results)
    command = DecideStep(step, said.action, said.reason, results, said.without_opinions)
    check_codes(seen.case.bundle, step, command)
    replying = replying_as(request, seen, body.raw)
    return answered(await cases.decide_step(parts(request).gate, seen.case.id, command, replying))


@operations(
    "POST",
    "/v1/cases/{case_id}/steps/{step}/extensions",
    permission="steps:decide",
    answers={200: answers_with("The case as it now is", CaseShape, examples.CASE)},
    takes=TAKES,
)
async def extend_step(request: Request, case_id: CaseId, step: StepCode, body: ExtensionBody) -> Response:
    """Lengthens a limit of a step, once, as the head of the body approved; the applicant is told why."""
    return await _extend(request, await load_step(request, case_id, step), step, body)


@operations(
    "POST",
    "/v1/cases/{case_id}/extensions",
    permission="cases:extend",
    answers={200: answers_with("The case as it now is", CaseShape, examples.CASE)},
    takes=TAKES,
)
async def extend_case(request: Request, case_id: CaseId, body: ExtensionBody) -> Response:
    """Lengthens a limit of the whole case, once, as the head of the government approved."""
    return await _extend(request, await load(request, case_id), None, body)


async def _extend(
    request: Request, seen: Seen, step: str | None, body: Body[ExtensionSubmission]
) -> Response:
    said = body.value
    command = Extend(step, said.limit, said.days, said.approved_by, said.reason)
    replying = replying_as(request, seen, body.raw)
    return answered(await cases.extend(parts(request).gate, seen.case.id, command, replying))


async def load_step(request: Request, case_id: str, step: str) -> Seen:
    """The case, if the caller may see this step of it. Raises: NotFound."""
    seen = await load(request, case_id)
    if step not in {shown["code"] for shown in step_views(seen.case, seen.sight.view)}:
        raise NotFound  # a step of another department
    return seen


def is_by_agent(seen: Seen) -> bool:
    """Whether the account is that of the agent who is named beside the applicant, by a mandate; or acts for
    it, and so no longer than that holds.
    """
    agent = seen.case.content.agent
    return agent is not None and agent.mandate is not None and seen.sight.rule in ("own", "delegation")


def replying_as(request: Request, seen: Seen, raw: bytes) -> Replying:
    """How a change that this caller asks for is made once and answered, if nothing has happened since."""
    who, (case, sight) = caller(request), seen
    if_match = preconditions.listed_tags(request.headers.getlist("if-match"))
    actor = who.name_for(Owner(case.client, case.subject), by_agent=is_by_agent(seen))
    if_seq = seq_of_tags(if_match, case, sight.view)
    return replying_to(request, who, sight.view, raw, actor=actor, if_seq=if_seq)


def answered(result: Result) -> Response:
    """The answer that the gate stored."""
    if result.answer is None:
        raise RuntimeError("the gate gave no answer to a change that was to be rendered")
    return stored(result.answer, replayed=result.replayed)
