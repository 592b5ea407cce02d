"""What the pages of opinions show. Pure: opinions in, words out."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta, timezone
from typing import Any

from onenet.console import words
from onenet.console.desk_words import APPLICANT
from onenet.console.facts import Fact, as_text
from onenet.console.words import Language
from onenet.domain.bundle import Bundle
from onenet.domain.case import Case
from onenet.domain.opinions import documents_of, put_of
from onenet.domain.procedures import Opinion
from onenet.services.opinions import Found


@dataclass(frozen=True, slots=True)
class OpinionLine:
    """An opinion in a few words. `department`: the one that is asked, to who asks; who asks, to that one."""

    id: str
    name: str
    number: str
    department: str
    question: str
    due: str
    state: str
    is_overdue: bool
    answer: str | None
    words: str | None


def line_of_opinion(
    case: Case, name: str, department: str, opinion: Opinion, language: Language
) -> OpinionLine:
    """It in a few words."""
    return OpinionLine(
        id=str(opinion.id),
        name=name,
        number=case.number,
        department=department,
        question=opinion.question,
        due=_last_day(opinion.due_at, case.utc_offset_minutes, language),
        state=opinion.state,
        is_overdue=opinion.is_overdue,
        answer=opinion.answer,
        words=opinion.words,
    )


def asked_line(found: Found, language: Language) -> OpinionLine:
    """It in a few words, for who is asked."""
    bundle, code = found.case.bundle, found.step.code
    department = bundle.departments[found.step.department].names[language]
    return line_of_opinion(
        found.case, bundle.member(code).names[language], department, found.opinion, language
    )


def put_facts(found: Found, language: Language) -> list[Fact]:
    """What was put to who is asked, as long as that is shown."""
    if found.opinion.state not in ("asked", "given"):
        return []
    return list(_facts(put_of(found.opinion), found, language))


def _facts(put: dict[str, Any], found: Found, language: Language) -> Iterator[Fact]:
    for name, words_of in APPLICANT.items():
        if (value := put.get("applicant", {}).get(name)) is not None:
            yield Fact(words_of[language], value)
    for code, value in put["fields"].items():
        yield Fact(_name_of(found.case.bundle, code, language), as_text(value))
    documents = documents_of(found.opinion)
    for each in put["materials"]:
        document = each.get("document")
        text = each.get("reference")
        yield Fact(each["names"][language], text, document if document in documents else None)


def _name_of(bundle: Bundle, code: str, language: Language) -> str:
    field = bundle.fields.get(code)
    return field.names[language] if field else code


def _last_day(due_at: datetime, offset: int, language: Language) -> str:
    """The day that ends then: its end is the first moment of the next one."""
    local = (due_at - timedelta(microseconds=1)).astimezone(timezone(timedelta(minutes=offset)))
    return words.DAY[language].format(at=local, month=words.MONTHS[local.month - 1])
