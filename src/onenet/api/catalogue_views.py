"""What is shown of the catalogue. Pure: domain objects in, JSON members out."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import date
from itertools import takewhile
from typing import Any

from onenet.api.case_views import bundle_mark, department_view, limit_view
from onenet.api.shapes import given
from onenet.domain import guidance, reach, subjects
from onenet.domain.bundle import (
    Asks,
    Bundle,
    CommitmentTerms,
    Department,
    Jurisdiction,
    Material,
    Member,
    Question,
    Terms,
)
from onenet.domain.calendar import Calendar, Office
from onenet.domain.subjects import Subjects
from onenet.services.guidance import Guidance


def bundle_summary(bundle: Bundle) -> dict[str, Any]:
    """A bundle in a list."""
    return given(
        {
            **bundle_mark(bundle),
            "audience": list(bundle.audience),
            "jurisdictions": list(bundle.jurisdictions),
            "promised": limit_view(bundle.promised),
            "reach": reach.narrowest(bundle.members),
        }
    )


def bundle_view(bundle: Bundle) -> dict[str, Any]:
    """One published version, whole."""
    return bundle_summary(bundle) | given(
        {
            "lead": department_view(bundle, bundle.lead),
            "statutory": limit_view(bundle.statutory),
            "fees": bundle.fees,
            "questions": [_question(question) for question in bundle.questions],
            "members": [_whole_member(bundle, member) for member in bundle.members],
            "materials": [
                _material(bundle, material, bundle.members) for material in bundle.materials.values()
            ],
            "departments": [department(each) for each in bundle.departments.values()],
            "partial_withdrawal": bundle.partial_withdrawal,
            "subjects": _subjects(bundle.subjects) if bundle.subjects else None,
        }
    )


def _subjects(said: Subjects) -> dict[str, Any]:
    codes = {name: list(getattr(said, name)) for name in ("members", "fields", "materials", "distinct")}
    return {"names": dict(said.names), "max": said.max, **codes}


def item_view(code: str, bundles: Sequence[Bundle]) -> dict[str, Any] | None:
    """An item as the bundles that hold it publish it; None when none does."""
    found = [(bundle, member) for bundle in bundles for member in bundle.members if member.item == code]
    if not found:
        return None
    bundle, member = found[0]
    return given(
        {
            "code": code,
            "names": dict(member.names),
            "department": department_view(bundle, member.department),
            "item_type": member.item_type,
            "promised": limit_view(member.promised),
            "statutory": limit_view(member.statutory),
            "results": [{"code": result.code, "names": dict(result.names)} for result in member.results],
            "reach": member.reach,
            "delivery": list(member.delivery),
            "bundles": sorted({bundle.code for bundle, _ in found}),
        }
    )


def guidance_view(found: Guidance) -> dict[str, Any]:
    """What the answers so far lead to."""
    bundle, plan = found.bundle, found.plan
    possible = [code for code, applies in plan.applies.items() if applies is None]
    open_members = [member for member in bundle.members if plan.applies[member.code] is not False]
    return given(
        {
            "bundle": bundle_mark(bundle),
            "is_settled": plan.is_settled,
            "next_question": _question(plan.next_question) if plan.next_question else None,
            "missing_answers": list(plan.missing),
            "members": [_member(bundle, bundle.member(code)) for code in plan.members],
            "possible_members": [_member(bundle, bundle.member(code)) for code in possible],
            "materials": [_material(bundle, material, open_members) for material in plan.materials],
            "form_schema": found.form_schema,
            "promised": limit_view(bundle.promised),
            "statutory": limit_view(bundle.statutory),
            "fees": bundle.fees,
            "reach": reach.narrowest(open_members),
        }
    )


def department(each: Department) -> dict[str, Any]:
    """A department."""
    return {"code": each.code, "names": dict(each.names), "kind": each.kind}


def jurisdiction(each: Jurisdiction) -> dict[str, Any]:
    """A jurisdiction."""
    return given(
        {
            "code": each.code,
            "names": dict(each.names),
            "kind": each.kind,
            "area_code": each.area_code,
            "parent": each.parent,
        }
    )


def calendar(jurisdiction: str, calendar: Calendar, number: int) -> dict[str, Any]:
    """A year of a jurisdiction's calendar."""
    year = calendar.year(number)
    days = takewhile(lambda day: day.on.year == number, calendar.days_after(date(number - 1, 12, 31)))
    return given(
        {
            "jurisdiction": jurisdiction,
            "year": number,
            "is_provisional": year.is_provisional,
            "workdays": sum(day.is_workday for day in days),
            "holidays": [{"on": on.isoformat(), "names": dict(n)} for on, n in sorted(year.holidays.items())],
            "make_up": sorted(on.isoformat() for on in year.make_up),
            "office": _office(calendar.office) if calendar.office.hours else None,
            "source": year.source or None,
        }
    )


def _office(office: Office) -> dict[str, Any]:
    return {
        "hours": [
            {
                "begins": each.begins,
                "open": [[f"{since:%H:%M}", f"{until:%H:%M}"] for since, until in each.open],
            }
            for each in office.hours
        ],
        "ends_deadlines": office.ends_deadlines,
        "counts_hours": office.counts_hours,
    }


def _member(bundle: Bundle, member: Member) -> dict[str, Any]:
    whose = subjects.of(bundle, member.code)
    return given(
        {
            "code": member.code,
            "item": member.item,
            "names": dict(member.names),
            "department": department_view(bundle, member.department),
            "subject": whose._asdict() if whose else None,
            "verifies": member.verifies or None,
            "promised": limit_view(member.promised),
            "statutory": limit_view(member.statutory),
            "reach": member.reach,
            "tolerance": _terms(member.tolerance) if member.tolerance else None,
            "commitment": _commitment(member.commitment) if member.commitment else None,
        }
    )


def _terms(terms: Terms) -> dict[str, Any]:
    return {"version": terms.version, "text": dict(terms.text), "sha256": terms.sha256}


def _commitment(terms: CommitmentTerms) -> dict[str, Any]:
    return _terms(terms) | {"check": limit_view(terms.check)}


def _whole_member(bundle: Bundle, member: Member) -> dict[str, Any]:
    return _member(bundle, member) | given(
        {
            "item_type": member.item_type,
            "results": [{"code": result.code, "names": dict(result.names)} for result in member.results],
            "delivery": list(member.delivery),
            "materials": list(member.materials),
            "needs": [_need(bundle.materials[code], member) for code in member.materials],
            "after": list(member.after),
            "if_failed": dict(member.if_failed) or None,
            "when": member.when,
            "offline": member.offline,
        }
    )


def _question(question: Question) -> dict[str, Any]:
    return given(
        {
            "code": question.code,
            "type": question.type,
            "names": dict(question.names),
            "options": [{"code": option.code, "names": dict(option.names)} for option in question.options],
            "when": question.when,
        }
    )


def _material(bundle: Bundle, material: Material, members: Iterable[Member]) -> dict[str, Any]:
    """The material as these members need it together."""
    users = [member for member in members if material.code in member.materials]
    together = guidance.merged(material, users)
    return given(
        {
            "code": material.code,
            "names": dict(material.names),
            "mode": material.mode,
            "need": together.need,
            "originals": together.originals,
            "copies": together.copies,
            "used_by": [member.code for member in users],
            "from_result": material.from_result,
            "asks": _asks(bundle, material.asks) if material.asks else None,
            "valid_days": material.valid_days,
        }
    )


def _asks(bundle: Bundle, asks: Asks) -> dict[str, Any]:
    source = bundle.sources[asks.source]
    named = {"code": source.code, "names": dict(source.names)}
    return given({"source": named, "holder": asks.holder, "fields": list(asks.fields)})


def _need(material: Material, member: Member) -> dict[str, Any]:
    return {"code": material.code, **asdict(guidance.need_of(material, member))}
