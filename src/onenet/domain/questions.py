"""Checks an applicant's answers to a bundle's questions: known code, right type, known options.

What the answers lead to is `guidance`'s.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date
from typing import Any, NamedTuple

from onenet.domain.bundle import AnswerType, Bundle, Json, Question
from onenet.domain.expression import MAX_INTEGER
from onenet.errors import Fault

_DATE = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_YEARS = range(1800, 2200)
_MAX_POINTER_PART = 64


class _Wrong(NamedTuple):
    code: str
    zh: str
    en: str


def check_answers(bundle: Bundle, answers: Mapping[str, Json]) -> tuple[Fault, ...]:
    """What is wrong with the answers, at `/answers/<code>`; empty when nothing is. Never says a given value.

    An answer may be left out; `guidance.plan` says which are needed.
    """
    questions = {question.code: question for question in bundle.questions}
    return tuple(
        Fault(wrong.code, wrong.zh, wrong.en, pointer=f"/answers/{_escaped(code)}")
        for code, answer in answers.items()
        for wrong in _faults(questions.get(code), answer)
    )


def is_date(text: str) -> bool:
    """Whether this is an ISO date of the years 1800 to 2199, written like 2026-01-31."""
    try:
        return _DATE.fullmatch(text) is not None and date.fromisoformat(text).year in _YEARS
    except ValueError:
        return False


def _faults(question: Question | None, answer: Json) -> Iterator[_Wrong]:
    if question is None:
        yield _Wrong("unknown_question", "此“一件事”没有这个问题", "This bundle asks no such question")
        return
    wrong = _CHECKS[question.type](question, answer)
    if wrong is not None:
        yield wrong


def _boolean(question: Question, answer: Json) -> _Wrong | None:
    if isinstance(answer, bool):
        return None
    return _Wrong("wrong_type", "应为 true 或 false", "Expected true or false")


def _choice(question: Question, answer: Json) -> _Wrong | None:
    if not isinstance(answer, str):
        return _Wrong("wrong_type", "应为一个选项的代码（字符串）", "Expected an option's code, a string")
    return None if answer in _codes(question) else _unknown_option(question)


def _choices(question: Question, answer: Json) -> _Wrong | None:
    if not isinstance(answer, list) or not all(isinstance(entry, str) for entry in answer):
        return _Wrong("wrong_type", "应为选项代码的列表", "Expected a list of codes of options")
    if not set(answer) <= set(_codes(question)):
        return _unknown_option(question)
    if len(set(answer)) < len(answer):
        return _Wrong("duplicate", "每个选项只能出现一次", "Expected each option at most once")
    return None


def _integer(question: Question, answer: Json) -> _Wrong | None:
    if isinstance(answer, int) and not isinstance(answer, bool) and abs(answer) <= MAX_INTEGER:
        return None
    return _Wrong("wrong_type", "应为 ±(2^53 - 1) 之内的整数", "Expected an integer within ±(2^53 - 1)")


def _date(question: Question, answer: Json) -> _Wrong | None:
    zh = "应为日期，如 2026-01-31，年份 1800 至 2199"
    en = "Expected a date such as 2026-01-31, years 1800 to 2199"
    if not isinstance(answer, str):
        return _Wrong("wrong_type", zh, en)
    return None if is_date(answer) else _Wrong("bad_date", zh, en)


_CHECKS: Mapping[AnswerType, Callable[[Question, Any], _Wrong | None]] = {
    "boolean": _boolean,
    "choice": _choice,
    "choices": _choices,
    "integer": _integer,
    "date": _date,
}


def _codes(question: Question) -> list[str]:
    return [option.code for option in question.options]


def _unknown_option(question: Question) -> _Wrong:
    options = ", ".join(_codes(question))
    return _Wrong("unknown_option", f"应为下列选项：{options}", f"Expected one of the options: {options}")


def _escaped(code: str) -> str:
    """One part of a JSON Pointer, cut so that a caller cannot make an answer arbitrarily long."""
    return code[:_MAX_POINTER_PART].replace("~", "~0").replace("/", "~1")
