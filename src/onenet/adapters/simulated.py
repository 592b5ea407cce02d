"""The adapter for the simulated departments: a dialect of its own, on the 15-code exchange list.

A worked example of a department with its own words. Out: POST `{url}/tasks` with the fields of `_FIELDS`,
`{url}/withdrawals` with the key of a task that is withdrawn, and `{url}/opinions` with those of `_ASKED`.
In, at once or by callback: `{"task", "code", "opinion", "results", "requests", "due_on", "procedure",
"expected", "go_to", "seq", "time"}`; to a question `{"task", "view", "opinion", "seq", "time"}`, as the list
has no code for one. Source: domain.md section 4.2.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import date
from typing import Annotated, Any, Literal, TypeAlias

import httpx2
from pydantic import BeforeValidator, ValidationError

from onenet.adapters import answers
from onenet.adapters.answers import LimitShape, Requests, ResultShape, Seq, Shape, Text
from onenet.adapters.base import Answer, Endpoint, Talk, TaskSheet
from onenet.domain.outcome import (
    NEEDS_WORDS,
    Accepted,
    Completed,
    OpinionAnswer,
    OpinionGiven,
    Outcome,
    Received,
    Rejected,
    Resumed,
    SpecialProcedure,
    SupplementNeeded,
    Suspended,
    TakenBack,
    Unclear,
)
from onenet.errors import MalformedJson

_FIELDS = {
    "item_code": "item",
    "round": "submission",
    "apply_time": "created_at",
    "applicant": "applicant",
    "form": "form",
    "papers": "materials",
    "earlier_results": "results_before",
    "wanted_results": "results_expected",
}
_ASKED = {
    "item_code": "item",
    "case_no": "number",
    "apply_time": "created_at",
    "asks": "asked_by",
    "question": "question",
    "until": "due_at",
    "form": "fields",
    "papers": "materials",
}
"""Their name of a member, and ours: of a task, and of a question."""


def _as_code(value: object) -> object:
    """A code comes as 11 or as "11"; what is no code stays what it is."""
    return int(value) if isinstance(value, str) and re.fullmatch("[0-9]{1,3}", value) else value


class _Said(Shape):
    """One answer in the dialect; which members a code needs, its reader knows."""

    task: Text | None = None
    code: Annotated[int, BeforeValidator(_as_code)]
    opinion: str | None = None
    results: tuple[ResultShape, ...] = ()
    requests: Requests | None = None
    due_on: date | None = None
    procedure: SpecialProcedure | None = None
    expected: LimitShape | None = None
    go_to: Text | None = None
    seq: Seq | None = None
    time: Text | None = None


class _View(Shape):
    """What the department thinks of a question."""

    task: Text | None = None
    view: OpinionAnswer
    opinion: Text | None = None
    seq: Seq | None = None
    time: Text | None = None


Reader: TypeAlias = Callable[[_Said], Outcome]


def _supplement(said: _Said) -> Outcome:
    if said.requests is None:
        return Unclear("/requests: what is to be corrected was expected")
    return SupplementNeeded(answers.supplement_requests(said.requests), said.due_on, said.opinion)


def _suspension(said: _Said) -> Outcome:
    if not said.procedure:
        return Unclear("/procedure: the kind of the special procedure was expected")
    return Suspended(said.procedure, said.opinion, said.expected.to_limit() if said.expected else None)


def _rejection(reason_code: Literal["not_needed", "not_competent", "refused"]) -> Reader:
    def read(said: _Said) -> Outcome:
        if not said.opinion:
            return Unclear("/opinion: the reasons of the refusal were expected")
        return Rejected(reason_code, said.opinion, said.go_to)

    return read


def _taken_back(state: Literal["recalled", "revoked"]) -> Reader:
    def read(said: _Said) -> Outcome:
        if not said.opinion:
            return Unclear("/opinion: the reason why it is taken back was expected")
        return TakenBack(state, said.opinion)

    return read


def _always(outcome: Outcome) -> Reader:
    return lambda said: outcome


def _granted(said: _Said) -> Outcome:
    return Completed(answers.results_given(said.results), said.opinion)


def _granted_with_deficiency(said: _Said) -> Outcome:
    return Completed(answers.results_given(said.results), said.opinion, deficiency_open=True)


CODES: Mapping[int, Reader] = {
    1: _always(Received()),  # 已接件
    2: _always(Unclear("2 已撤件: withdrawn at the department, not through onenet")),
    3: lambda said: Accepted(said.opinion),  # 窗口受理
    4: _rejection("not_needed"),  # 不受理
    5: _rejection("not_competent"),  # 不予受理
    6: _supplement,  # 补正开始
    7: _always(Received()),  # 补正结束: the step went back when the applicant handed in the correction
    8: lambda said: Accepted(said.opinion),  # 部门受理, with or without 3 before it
    9: _suspension,  # 特别程序开始
    10: _always(Resumed()),  # 特别程序结束
    11: _granted,  # 办结通过
    12: _granted_with_deficiency,  # 办结(容缺通过)
    13: _rejection("refused"),  # 办结不通过
    14: _taken_back("recalled"),  # 撤回
    15: _taken_back("revoked"),  # 撤销
}
"""What each code means. Those that are read as Unclear are ambiguous, and a person decides; so are 14 and 15
where nothing was decided yet (`domain.answers`).
"""


class Simulated:
    """Hands a task over in the dialect and reads the 15 codes."""

    def __init__(self, endpoint: Endpoint) -> None:
        self._url = endpoint.url.rstrip("/")
        self._department = endpoint.department

    def submit(self, task: TaskSheet) -> Talk:
        """One POST, with the same bytes for every try."""
        told = {theirs: task.content[ours] for theirs, ours in _FIELDS.items()}
        told |= {"task": task.key, "unit": self._department, "case_no": task.content["case"]["number"]}
        body = json.dumps(told, ensure_ascii=False, sort_keys=True).encode()
        response = yield httpx2.Request("POST", f"{self._url}/tasks", content=body)
        return self._read(task, response)

    def consult(self, question: TaskSheet) -> Talk:
        """One POST, with the same bytes for every try."""
        asked = question.content
        told = {theirs: asked[ours] for theirs, ours in _ASKED.items()}
        told |= {"task": question.key, "unit": self._department, "applicant": asked.get("applicant")}
        body = json.dumps(told, ensure_ascii=False, sort_keys=True).encode()
        response = yield httpx2.Request("POST", f"{self._url}/opinions", content=body)
        return self._read(question, response)

    def withdraw(self, notice: TaskSheet) -> Talk:
        """One POST, and no answer but that it came."""
        said = notice.content
        told = {"task": notice.key, "withdraws": said["withdraws"], "unit": self._department}
        told |= {"case_no": said["case"]["number"], "reason": said["reason"], "undo": said["compensation"]}
        body = json.dumps(told, ensure_ascii=False, sort_keys=True).encode()
        yield httpx2.Request("POST", f"{self._url}/withdrawals", content=body)
        return Received()

    def read_callback(self, body: bytes) -> Answer:
        """The answer in this body. Raises: UnreadableAnswer."""
        value = answers.callback_object(body)
        return Answer(answers.task_named(value), _outcome(value, body), answers.seq_named(value))

    def _read(self, task: TaskSheet, response: httpx2.Response) -> Outcome:
        try:
            value = answers.answered_object(response)
        except MalformedJson as error:
            return Unclear(f"the answer: {error}")
        if value is None or value.keys().isdisjoint({"code", "view"}):
            return Received()
        if value.get("task", task.key) != task.key:
            return Unclear("/task: the answer is about another task")
        return _outcome(value, response.content)


def _outcome(value: Mapping[str, Any], body: bytes) -> Outcome:
    """What the code or the view in this object means; `body` is the same object as it came."""
    if "view" in value:
        return _opinion(body)
    code = _as_code(value.get("code"))
    reader = CODES.get(code) if isinstance(code, int) else None
    if reader is None:
        return Unclear(f"/code: expected one of {', '.join(map(str, CODES))}")
    try:
        return reader(_Said.model_validate_json(body))
    except ValidationError as error:
        return Unclear(answers.faults(error))


def _opinion(body: bytes) -> Outcome:
    try:
        said = _View.model_validate_json(body)
    except ValidationError as error:
        return Unclear(answers.faults(error))
    if said.view in NEEDS_WORDS and said.opinion is None:
        return Unclear("/opinion: the conditions or the reasons were expected")
    return OpinionGiven(said.view, said.opinion)
