"""The words that a simulated department speaks: how it reads a task, and how it says what it decided."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Work:
    """A task, as far as habits care. `submission` counts from 1; `results` are codes it is to issue.

    `correctable`: what a correction can ask for, as (kind, code), materials before form fields. `wish`: what
    the form of a sandbox case asks the department to do.
    """

    submission: int
    correctable: tuple[tuple[Literal["material", "field"], str], ...]
    results: tuple[str, ...]
    wish: str = ""


@dataclass(frozen=True, slots=True)
class Said:
    """One thing that the department says. `results` are codes; they get their numbers when it is said.

    `procedure`: the special one that begins with it, and how many working days it takes.
    """

    word: Literal[
        "accepted", "completed", "supplement_needed", "suspended", "resumed", "rejected", "opinion_given"
    ]
    opinion: str
    results: tuple[str, ...] = ()
    requests: tuple[tuple[str, str], ...] = ()
    procedure: tuple[str, int] | None = None


@dataclass(frozen=True, slots=True)
class Dialect:
    """`read` takes the JSON body of a task; the others write the body of what is said about it.

    `answer` (at once) is given the task, what is said and the results with their numbers; `callback` (later)
    the sequence number and the time as well. `is_asked`: it gives a number and does not call back; what it
    would have said, it says to who asks by that number.
    """

    read: Callable[[Json], Work]
    answer: Callable[[str, Said, list[Json]], Json]
    callback: Callable[[str, Said, list[Json], int, str], Json]
    is_asked: bool = False


def _work(submission: int, materials: list[Json], form: Json, results: list[str]) -> Work:
    return Work(
        submission=submission,
        correctable=(*(("material", m["code"]) for m in materials), *(("field", code) for code in form)),
        results=tuple(results),
        wish=str(form.get("wish", "")),
    )


def _requests(said: Said) -> list[Json]:
    why = {"reason": said.opinion, "reason_kind": "incorrect"}
    return [{"kind": kind, "code": code, **why} for kind, code in said.requests]


def _procedure(said: Said) -> Json:
    if said.procedure is None:
        return {}
    kind, workdays = said.procedure
    return {"procedure": kind, "expected": {"number": workdays, "unit": "workdays"}}


# onenet's own words, as the adapter `webhook` knows them


def _read_webhook(body: Json) -> Work:
    data = body["data"]
    return _work(data["submission"], data["materials"], data["form"], data["results_expected"])


def _say_webhook(task: str, said: Said, results: list[Json]) -> Json:
    told: Json = {"task": task, "outcome": said.word}
    match said.word:
        case "accepted":
            return told | {"opinion": said.opinion}
        case "completed":
            return told | {"opinion": said.opinion, "results": results}
        case "supplement_needed":
            return told | {"requests": _requests(said)}
        case "suspended":
            return told | _procedure(said) | {"reason": said.opinion}
        case "resumed":
            return told
        case "rejected":
            return told | {"reason_code": "refused", "reason": said.opinion}
        case "opinion_given":
            return told | {"answer": "agree", "words": said.opinion}


def _call_webhook(task: str, said: Said, results: list[Json], seq: int, at: str) -> Json:
    data = _say_webhook(task, said, results) | {"seq": seq}
    return {"type": "task.outcome", "timestamp": at, "data": data}


def _call_desk(task: str, said: Said, results: list[Json], seq: int, at: str) -> Json:
    told = _say_webhook(task, said, results)
    return {name: value for name, value in told.items() if name != "task"}  # it stands in the address


def _call_row(task: str, said: Said, results: list[Json], seq: int, at: str) -> Json:
    return _say_webhook(task, said, results) | {"seq": seq}


# The 15-code exchange list, as the adapter `simulated` knows it

_CODES = {
    "accepted": 8, "completed": 11, "supplement_needed": 6, "suspended": 9, "resumed": 10, "rejected": 13,
}  # fmt: skip


def _read_codes(body: Json) -> Work:
    return _work(body["round"], body["papers"], body["form"], body["wanted_results"])


def _say_code(task: str, said: Said, results: list[Json]) -> Json:
    if said.word == "opinion_given":
        return {"task": task, "view": "agree", "opinion": said.opinion}
    told: Json = {"task": task, "code": _CODES[said.word], "opinion": said.opinion, "results": results}
    told |= _procedure(said)
    return told | {"requests": _requests(said)} if said.requests else told


def _call_code(task: str, said: Said, results: list[Json], seq: int, at: str) -> Json:
    return _say_code(task, said, results) | {"seq": seq, "time": at}


DIALECTS: Mapping[str, Dialect] = {
    "webhook": Dialect(_read_webhook, _say_webhook, _call_webhook),
    "pull": Dialect(_read_webhook, _say_webhook, _call_webhook),
    "desk": Dialect(_read_webhook, _say_webhook, _call_desk),
    "exchange_table": Dialect(_read_webhook, _say_webhook, _call_row),
    "simulated": Dialect(_read_codes, _say_code, _call_code),
    "asked": Dialect(_read_codes, _say_code, _call_code, is_asked=True),
}
