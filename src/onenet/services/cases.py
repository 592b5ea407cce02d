"""Cases: submit, read, list, hand in a supplement, withdraw, decide a held step. One function each."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from onenet.domain import generated, guidance, tolerance
from onenet.domain.bundle import Bundle, Jurisdiction
from onenet.domain.case import Applicant, Case, CaseContent, MaterialGiven, Reply
from onenet.domain.commands import (
    Command,
    DecideStep,
    DeferTolerance,
    Extend,
    HandInSupplement,
    Open,
    Withdraw,
)
from onenet.domain.delegation import Owner
from onenet.domain.generated import GeneratedForm
from onenet.domain.promises import Undertaking
from onenet.domain.questions import check_answers
from onenet.domain.states import CaseState
from onenet.domain.tracking import hash_of
from onenet.domain.visibility import Visible
from onenet.errors import Fault, FormInvalid, FormsDiffer, NotFound, UnknownReference
from onenet.ids import new_id
from onenet.recent import Recent
from onenet.services import forms, reuse
from onenet.services.advance import Gate
from onenet.services.catalogue import Catalogue
from onenet.services.change import Change, Once, Opening, Result
from onenet.services.custody import Custody, id_of_case
from onenet.services.once import answered
from onenet.services.reuse import Receiving
from onenet.store import cases as store_cases
from onenet.store import events as store_events
from onenet.store.database import Database
from onenet.store.events import Event
from onenet.store.idempotency import StoredAnswer

Render = Callable[[Case, Reply], StoredAnswer]

_UNSET = datetime.min.replace(tzinfo=UTC)
"""Stands in the blank case until the gate writes the moment of its commit over it."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a front-end submits for a subject. `version` None means the latest.

    `forms_sha256`: of the generated forms that the applicant has seen and confirmed, if any.
    """

    bundle: str
    version: int | None
    jurisdiction: str
    applicant: Applicant
    answers: Mapping[str, Any]
    form: Mapping[str, Any]
    materials: tuple[MaterialGiven, ...]
    forms_sha256: str | None = None
    undertakings: tuple[Undertaking, ...] = ()

    def content(self) -> CaseContent:
        """What is said in it."""
        said = (self.applicant, dict(self.answers), dict(self.form), self.materials)
        return CaseContent(*said, forms_sha256=self.forms_sha256)


@dataclass(frozen=True, slots=True)
class Replying:
    """How a change is answered: once under a key, with these renderings, on behalf of this actor.

    `if_seq`: the event the caller believes to be the last; None when it did not say.
    """

    actor: str
    once: Once | None = None
    render: Render | None = None
    render_refusal: Callable[[Any], StoredAnswer] | None = None
    if_seq: int | None = None


def unknown(pointer: str, zh: str, en: str) -> UnknownReference:
    """The error for a code that names nothing."""
    return UnknownReference(en, faults=(Fault("unknown", zh, en, pointer=pointer),))


async def find_bundle(catalogue: Catalogue, code: str, version: int | None) -> Bundle:
    """A published bundle that a body names. Raises: UnknownReference."""
    try:
        return await (catalogue.latest(code) if version is None else catalogue.bundle(code, version))
    except NotFound as error:
        where = "/bundle" if version is None else "/version"
        raise unknown(where, "没有已发布的此“一件事”", "no such bundle is published") from error


async def find_jurisdiction(catalogue: Catalogue, bundle: Bundle, code: str) -> Jurisdiction:
    """The jurisdiction that a body names, where the bundle is offered. Raises: UnknownReference."""
    try:
        found = await catalogue.jurisdiction(code)
    except NotFound as error:
        raise unknown("/jurisdiction", "没有此辖区", "no such jurisdiction") from error
    if not await catalogue.covers(bundle, code):
        raise unknown(
            "/jurisdiction", "该辖区未开通此“一件事”", "the bundle is not offered in this jurisdiction"
        )
    return found


async def preview(catalogue: Catalogue, submission: Submission) -> tuple[Bundle, tuple[GeneratedForm, ...]]:
    """The bundle, and the forms that this application would hand to departments.

    Raises: UnknownReference, FormInvalid.
    """
    bundle = await find_bundle(catalogue, submission.bundle, submission.version)
    await find_jurisdiction(catalogue, bundle, submission.jurisdiction)
    content = submission.content()
    check_content(bundle, replace(content, forms_sha256=None), is_whole=False)
    return bundle, generated.generated(bundle, content)


def check_content(
    bundle: Bundle,
    content: CaseContent,
    undertakings: Sequence[Undertaking] = (),
    *,
    is_whole: bool = True,
) -> None:
    """Checks answers, form, materials and promises against the bundle. `is_whole`: no material is missing.

    Raises: UnknownReference, FormInvalid, FormsDiffer.
    """
    if faults := check_answers(bundle, content.answers):
        raise UnknownReference("the answers do not fit the bundle's questions", faults=faults)
    plan = guidance.plan(bundle, content.answers)
    if faults := guidance.check_plan(bundle, plan):
        raise FormInvalid("the answers do not settle what is to be done", faults=faults)
    strangers = [index for index, given in enumerate(content.materials) if given.code not in bundle.materials]
    if strangers:
        raise unknown(f"/materials/{strangers[0]}/code", "没有此材料", "the bundle has no such material")
    faults = forms.check(_schema(bundle, plan, content.answers), content.form)
    if is_whole:
        faults += _missing_materials(plan, content.materials)
        given = [material.code for material in content.materials]
        faults += tuple(tolerance.faults(bundle, plan, given, undertakings))
    if faults:
        raise FormInvalid(f"{len(faults)} entries are wrong or missing", faults=faults[: forms.MOST_FAULTS])
    confirmed = content.forms_sha256
    if confirmed is not None and confirmed != generated.digest_of(generated.generated(bundle, content)):
        raise FormsDiffer(faults=(FORMS_DIFFER,))


FORMS_DIFFER = Fault(
    "forms_sha256",
    "所确认的表单与本次申请不一致，请重新预览并确认",
    "The confirmed forms are not those of this application: preview and confirm them again",
    pointer="/forms_sha256",
)


def not_right_yet(
    bundle: Bundle, answers: Mapping[str, Any], form: Mapping[str, Any], materials: Sequence[MaterialGiven]
) -> tuple[Fault, ...]:
    """All that `check_content` would refuse, of something that is still being filled in."""
    faults = tuple(
        Fault("unknown", "没有此材料", "the bundle has no such material", pointer=f"/materials/{place}/code")
        for place, given in enumerate(materials)
        if given.code not in bundle.materials
    )
    if wrong := check_answers(bundle, answers):
        return wrong + faults
    plan = guidance.plan(bundle, answers)
    open_ones = guidance.check_plan(bundle, plan)
    in_form = forms.check(_schema(bundle, plan, answers), form)
    if open_ones:  # a field that is of no member yet may be of one soon
        in_form = tuple(fault for fault in in_form if fault.code != "additionalProperties")
    return open_ones + faults + in_form + _missing_materials(plan, materials)


_SCHEMAS: Recent[tuple[int, str], tuple[guidance.Plan, str]] = Recent(1_000)
"""By the plan's identity, which the entry keeps alive, and the answers."""


def _schema(bundle: Bundle, plan: guidance.Plan, answers: Mapping[str, Any]) -> str:
    """The schema of the form that these answers ask for, as text."""
    key = (id(plan), repr(answers))
    found = _SCHEMAS.get(key)
    if found is None:
        found = (plan, forms.as_text(guidance.form_schema(bundle, plan.members, answers)))
        _SCHEMAS.put(key, found)
    return found[1]


def _missing_materials(plan: guidance.Plan, materials: Sequence[MaterialGiven]) -> tuple[Fault, ...]:
    given = [material.code for material in materials]
    faults = [
        Fault("material_repeated", "材料重复", "this material is given twice", f"/materials/{index}/code")
        for index, code in enumerate(given)
        if code in given[:index]
    ]
    for material in guidance.needed_materials(plan):
        if material.code not in given:
            zh, en = f"缺少材料：{material.names['zh']}", f"missing: {material.code} ({material.names['en']})"
            faults.append(Fault("material_missing", zh, en, pointer="/materials"))
    return tuple(faults)


async def submit(
    gate: Gate,
    catalogue: Catalogue,
    submission: Submission,
    *,
    subject: str,
    client: str,
    secret: str,
    replying: Replying,
    custody: Custody | None = None,
    case_id: UUID | None = None,
) -> Result:
    """Opens a case: accepted means kept. Raises: UnknownReference, FormInvalid, Unavailable.

    `secret`: opens its progress to whoever is told it; a hash of it is kept. `case_id`: where it follows from
    what it is opened from.
    Whether it was opened before under this key, the gate finds out. A repetition that the catalogue no longer
    allows is refused here all the same: whoever answers looks for the stored answer then.
    """
    bundle = await find_bundle(catalogue, submission.bundle, submission.version)
    jurisdiction = await find_jurisdiction(catalogue, bundle, submission.jurisdiction)
    content = submission.content()
    if custody is not None:
        content = custody.with_evidence(bundle, content, Owner(client, subject))
    check_content(bundle, content, submission.undertakings)
    case_id = case_id or _id_of(submission, replying)
    template = await catalogue.number_template(submission.jurisdiction)
    blank = Case(
        id=case_id, number="", bundle=bundle, jurisdiction=submission.jurisdiction,
        subject=subject, client=client, state=CaseState.RECEIVED,
        created_at=_UNSET, updated_at=_UNSET, secret_hash=hash_of(secret),
        content=content, utc_offset_minutes=jurisdiction.utc_offset_minutes,
    )  # fmt: skip

    async def opened(materials: Sequence[MaterialGiven]) -> Result:
        case = blank._replace(content=replace(content, materials=tuple(materials)))
        opens = change(case_id, Open(submission.undertakings), replying, Opening(case, template))
        return await _submit(gate, opens, materials, custody)

    if custody is None or custody.owner != (client, subject):
        return await opened(content.materials)
    receiving = Receiving(
        case_id, custody.who, bundle, content.answers, replying.once, jurisdiction.utc_offset_minutes
    )
    return await reuse.around(opened, custody.vault, content.materials, receiving, custody.charge)


def change(case_id: UUID, command: Command, replying: Replying, opening: Opening | None = None) -> Change:
    """The command on its way through the gate."""
    return Change(
        case_id, command, replying.actor, opening, replying.once, replying.render, replying.render_refusal,
        if_seq=replying.if_seq,
    )  # fmt: skip


def _id_of(submission: Submission, replying: Replying) -> UUID:
    """The id of the case; one that takes documents has the same however often it is sent in."""
    if replying.once is None or not any(material.document for material in submission.materials):
        return new_id()
    return id_of_case(replying.once)


async def _submit(
    gate: Gate,
    change: Change,
    materials: Sequence[MaterialGiven],
    custody: Custody | None,
    case: Case | None = None,
) -> Result:
    """Puts the change through the gate, with the documents it brings. Raises: as `custody.take`."""
    if custody is None or change.once is None or not any(material.document for material in materials):
        return await gate.submit(change)
    return await custody.around(
        lambda: gate.submit(change), materials, change.once, case_id=change.case_id, case=case
    )


async def hand_in_supplement(
    gate: Gate, case: Case, command: HandInSupplement, replying: Replying, custody: Custody | None = None
) -> Result:
    """Hands in what a step asked for. Raises: FormInvalid, Conflict, PreconditionFailed."""
    properties = {
        code: dict(case.bundle.fields[code].schema) for code in command.form if code in case.bundle.fields
    }
    schema = {"type": "object", "properties": properties, "additionalProperties": False}
    faults = forms.check(forms.as_text(schema), command.form)
    if faults:
        raise FormInvalid("the corrected fields are not right yet", faults=faults)
    # A repetition is answered by what was stored, however old its evidence is by now.
    if custody and replying.once and not await answered(custody.vault.database, replying.once):
        said = replace(case.content, form={**case.content.form, **command.form}, materials=command.materials)
        said = custody.with_evidence(case.bundle, said, Owner(case.client, case.subject))
        command = replace(command, materials=said.materials)
    return await _submit(gate, change(case.id, command, replying), command.materials, custody, case)


async def withdraw(gate: Gate, case_id: UUID, command: Withdraw, replying: Replying) -> Result:
    """Takes a case back, or a step of it. Raises: NotFound, MoveRefused, PreconditionFailed."""
    return await gate.submit(change(case_id, command, replying))


async def decide_step(
    gate: Gate, case_id: UUID, command: DecideStep | DeferTolerance, replying: Replying
) -> Result:
    """Decides about a step. Raises: NotFound, Conflict, FormInvalid, PreconditionFailed."""
    return await gate.submit(change(case_id, command, replying))


async def extend(gate: Gate, case_id: UUID, command: Extend, replying: Replying) -> Result:
    """Lengthens a limit. Raises: NotFound, Conflict by its name, PreconditionFailed."""
    return await gate.submit(change(case_id, command, replying))


async def get(database: Database, catalogue: Catalogue, case_id: UUID, visible: Visible) -> Case:
    """One case. Raises: NotFound, also for a case of somebody else."""
    async with database.read() as connection:
        fetched = await store_cases.fetch(connection, [case_id])
    case = (await store_cases.assemble(fetched, catalogue.bundle)).get(case_id)
    if case is None or visible.sight_of(case) is None:
        raise NotFound
    return case


async def of_applicant(
    database: Database, catalogue: Catalogue, visible: Visible, id_no: str, limit: int
) -> list[Case]:
    """Visible cases whose applicant has this identity number, newest first.

    Somebody whose cases are all for others to see costs the statements of somebody who has none.
    """
    async with database.read() as connection:
        ids = await store_cases.find_by_applicant(connection, visible, id_no, limit)
        fetched = await store_cases.fetch(connection, ids or [NOBODY])
    found = await store_cases.assemble(fetched, catalogue.bundle)
    return [found[id] for id in ids]


async def id_of(database: Database, text: str) -> UUID:
    """The id of the case with this number, or the id that this is. Raises: NotFound."""
    async with database.read() as connection:
        ids = await store_cases.find_by_number(connection, text)
    try:
        return ids[0] if ids else UUID(text)
    except ValueError:
        raise NotFound(f"no case {text}") from None


async def events(database: Database, case_id: UUID, since: int, limit: int) -> list[Event]:
    """Events of a case after `since`; whether the caller may see the case was settled before."""
    async with database.read() as connection:
        return await store_events.after(connection, case_id, since, limit)


NOBODY = UUID(int=0)
"""The id of no case."""


async def track(database: Database, catalogue: Catalogue, number: str, secret: str) -> Case:
    """The case with this number whose secret this is. Raises: NotFound, the same for both being wrong."""
    async with database.read() as connection:
        ids = await store_cases.find_by_number(connection, number)
        fetched = await store_cases.fetch(connection, ids or [NOBODY])
    for case in (await store_cases.assemble(fetched, catalogue.bundle)).values():
        if secrets.compare_digest(case.secret_hash, hash_of(secret)):
            return case
    raise NotFound


async def of_document(database: Database, catalogue: Catalogue, case_id: UUID) -> Case | None:
    """The case that a document is marked with, for those who look after documents; there may be none."""
    async with database.read() as connection:
        fetched = await store_cases.fetch(connection, [case_id])
    return (await store_cases.assemble(fetched, catalogue.bundle)).get(case_id)
