"""The adapter for a department that speaks onenet's own words: a signed webhook in, a signed callback out.

Out: `{"type": "step.requested", "timestamp": …, "data": {the task}}`, or `opinion.asked`. In, at once or by
callback: one of `WORDS` with its members; a callback wraps it as `{"type": "task.outcome", "timestamp",
"data"}`.
With the option `format: cloudevents` the task goes out as a CloudEvent, and a callback may be one.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from datetime import date
from typing import Annotated, Any, Literal, Self, TypeVar

import httpx2
from pydantic import AwareDatetime, Field, ValidationError, create_model, model_validator
from pydantic_core import PydanticCustomError

from onenet.adapters import answers, cloud_events
from onenet.adapters.answers import Id, LimitShape, Requests, ResultShape, Seq, Shape, Text
from onenet.adapters.base import Answer, Endpoint, Talk, TaskSheet, UnreadableAnswer
from onenet.domain.chain import canonical
from onenet.domain.outcome import (
    NEEDS_WORDS,
    Accepted,
    Completed,
    Extended,
    OpinionAnswer,
    OpinionGiven,
    Outcome,
    Received,
    RecordHearing,
    Rejected,
    Resumed,
    SetHearing,
    SpecialProcedure,
    SupplementNeeded,
    Suspended,
    TakenBack,
    TellHearingRight,
    Unclear,
    WhichLimit,
)
from onenet.errors import MalformedJson

TASK_TYPE = "step.requested"
WITHDRAWAL_TYPE = "step.withdrawn"
QUESTION_TYPE = "opinion.asked"


class _Said(Shape):
    """What every answer may hold. `task` may be left out of an answer at once: the call tells it."""

    task: Text | None = None
    outcome: Text
    seq: Seq | None = None
    opinion: str | None = None

    def to_outcome(self) -> Outcome:
        raise NotImplementedError


class _Accepted(_Said):
    """The department accepted the application."""

    def to_outcome(self) -> Outcome:
        return Accepted(self.opinion)


class _Completed(_Said):
    """The department decided in the applicant's favour."""

    results: tuple[ResultShape, ...] = ()
    deficiency_open: bool = False
    without_opinions: Text | None = None

    def to_outcome(self) -> Outcome:
        given = answers.results_given(self.results)
        return Completed(given, self.opinion, self.deficiency_open, self.without_opinions)


class _SupplementNeeded(_Said):
    """The applicant must add or repair something."""

    requests: Requests
    due_on: date | None = None

    def to_outcome(self) -> Outcome:
        return SupplementNeeded(answers.supplement_requests(self.requests), self.due_on, self.opinion)


class _Suspended(_Said):
    """A special procedure began."""

    procedure: SpecialProcedure
    reason: Text | None = None
    expected: LimitShape | None = None

    def to_outcome(self) -> Outcome:
        return Suspended(self.procedure, self.reason, self.expected.to_limit() if self.expected else None)


class _Resumed(_Said):
    """The special procedure ended."""

    def to_outcome(self) -> Outcome:
        return Resumed()


class _Rejected(_Said):
    """Not accepted or refused; the reasons are mandatory by law (LIC 38)."""

    reason_code: Literal["not_needed", "not_competent", "refused"]
    reason: Text
    go_to: Text | None = None
    without_opinions: Text | None = None

    def to_outcome(self) -> Outcome:
        return Rejected(self.reason_code, self.reason, self.go_to, self.without_opinions)


class _TakenBack(_Said):
    """What was granted does not stand any more; without `results` none of it."""

    reason: Text
    results: tuple[Id, ...] = ()

    def to_outcome(self) -> Outcome:
        return TakenBack("revoked" if self.outcome == "revoked" else "recalled", self.reason, self.results)


class _Extended(_Said):
    """A limit of the step is lengthened, once (LIC 42)."""

    limit: WhichLimit = "statutory"
    days: Annotated[int, Field(ge=1, le=366)]
    approved_by: Text
    reason: Text

    def to_outcome(self) -> Outcome:
        return Extended(self.limit, self.days, self.approved_by, self.reason)


class _HearingTold(_Said):
    """The applicant may ask for a hearing (LIC 47)."""

    reason: Text

    def to_outcome(self) -> Outcome:
        return TellHearingRight(self.reason)


class _HearingSet(_Said):
    """Where and when it is held (LIC 48(1))."""

    on: date
    place: Text

    def to_outcome(self) -> Outcome:
        return SetHearing(self.on, self.place)


class _HearingHeld(_Said):
    """It was held: its minutes (LIC 48(5))."""

    minutes: Text

    def to_outcome(self) -> Outcome:
        return RecordHearing(self.minutes)


class _OpinionGiven(_Said):
    """To a question: what the department thinks. Conditions, and why it disagrees, have to be said."""

    opinion: None = None
    answer: OpinionAnswer
    words: Text | None = None

    @model_validator(mode="after")
    def _says_why(self) -> Self:
        if self.words is None and self.answer in NEEDS_WORDS:
            raise PydanticCustomError("words", "words are expected with conditions and with reasons")
        return self

    def to_outcome(self) -> Outcome:
        return OpinionGiven(self.answer, self.words)


ANSWERS: Mapping[str, type[_Said]] = {
    "accepted": _Accepted,
    "completed": _Completed,
    "supplement_needed": _SupplementNeeded,
    "suspended": _Suspended,
    "resumed": _Resumed,
    "rejected": _Rejected,
    "recalled": _TakenBack,
    "revoked": _TakenBack,
    "extended": _Extended,
    "hearing_told": _HearingTold,
    "hearing_set": _HearingSet,
    "hearing_held": _HearingHeld,
}
"""Every word that a department may say of its task, and the shape of what goes with it."""

WORDS: Mapping[str, type[_Said]] = {**ANSWERS, "opinion_given": _OpinionGiven}
"""The same, and the word for a question that it is asked."""


class _Callback(Shape):
    """The envelope of an answer that comes later."""

    type: Literal["task.outcome"]
    timestamp: AwareDatetime
    data: _Said


class _CloudCallback(cloud_events.Envelope):
    """The same, as a CloudEvent."""

    type: Literal["task.outcome"]
    data: _Said


_Enveloped = TypeVar("_Enveloped", _Callback, _CloudCallback)


def _by_word(base: type[_Enveloped]) -> Mapping[str, type[_Enveloped]]:
    return {
        word: create_model(f"{base.__name__}{shape.__name__}", __base__=base, data=(shape, ...))
        for word, shape in WORDS.items()
    }


_CALLBACKS, _CLOUD_CALLBACKS = _by_word(_Callback), _by_word(_CloudCallback)

_address = functools.lru_cache(1_024)(httpx2.URL)
"""Addresses as they were read before: reading one costs as much as the rest of a request."""


class Webhook:
    """Pushes a task as a signed webhook and reads the answer in onenet's own words."""

    def __init__(self, endpoint: Endpoint) -> None:
        cloud_events.check_options(endpoint.options)
        self._url = endpoint.url
        self._speaks_cloud = cloud_events.is_wanted(endpoint.options)

    def submit(self, task: TaskSheet) -> Talk:
        """One POST. The bytes are the same for every try: even the time is the task's, not the try's."""
        return self._read(task, (yield self._message(TASK_TYPE, task)))

    def withdraw(self, notice: TaskSheet) -> Talk:
        """One POST, and no answer but that it came."""
        yield self._message(WITHDRAWAL_TYPE, notice)
        return Received()

    def consult(self, question: TaskSheet) -> Talk:
        """One POST, as of a task; it may be answered at once."""
        return self._read(question, (yield self._message(QUESTION_TYPE, question)))

    def _message(self, type: str, task: TaskSheet) -> httpx2.Request:
        if self._speaks_cloud:
            body, headers = _cloud_event(type, task), {"content-type": cloud_events.MEDIA_TYPE}
        else:
            timestamp = json.dumps(task.content["created_at"])
            body, headers = f'{{"type":"{type}","timestamp":{timestamp},"data":{task.payload}}}', {}
        return httpx2.Request("POST", _address(self._url), content=body.encode(), headers=headers)

    def read_callback(self, body: bytes) -> Answer:
        """The answer in a `task.outcome` message. Raises: UnreadableAnswer."""
        message = answers.callback_object(body)
        is_cloud = "specversion" in message
        if is_cloud and not self._speaks_cloud:
            raise UnreadableAnswer("/specversion: this department is not registered for CloudEvents")
        data = message.get("data")
        if not isinstance(data, dict):
            raise UnreadableAnswer("/data: an object was expected")
        task, seq = answers.task_named(data, "/data"), answers.seq_named(data)
        envelope = (_CLOUD_CALLBACKS if is_cloud else _CALLBACKS).get(_word(data))
        if envelope is None:
            return Answer(task, _unknown_word("/data"), seq)
        try:
            return Answer(task, envelope.model_validate_json(body).data.to_outcome(), seq)
        except ValidationError as error:
            return Answer(task, Unclear(answers.faults(error)), seq)

    def _read(self, task: TaskSheet, response: httpx2.Response) -> Outcome:
        try:
            value = answers.answered_object(response)
        except MalformedJson as error:
            return Unclear(f"the answer: {error}")
        if value is None or "outcome" not in value:
            return Received()
        if value.get("task", task.key) != task.key:
            return Unclear("/task: the answer is about another task")
        return outcome_said(value, response.content)


def outcome_said(value: Mapping[str, Any], body: bytes) -> Outcome:
    """The outcome in an answer without an envelope; `value` is the body, parsed."""
    shape = WORDS.get(_word(value))
    if shape is None:
        return _unknown_word("")
    try:
        return shape.model_validate_json(body).to_outcome()
    except ValidationError as error:
        return Unclear(answers.faults(error))


def _cloud_event(type: str, task: TaskSheet) -> str:
    at, case = task.content["created_at"], task.content.get("case")
    subject = case["id"] if case else task.content["opinion"]
    event = cloud_events.event(id=task.key, type=type, time=at, subject=subject, data=task.content)
    return canonical(event)


def _word(value: Mapping[str, Any]) -> str:
    return str(value.get("outcome", ""))


def _unknown_word(pointer: str) -> Unclear:
    return Unclear(f"{pointer}/outcome: expected one of {', '.join(WORDS)}")
