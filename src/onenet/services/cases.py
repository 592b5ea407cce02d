"""Cases: submit, read, list, hand in a supplement, withdraw, decide a held step. One function each."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from onenet.domain import duplicates, generated, subjects
from onenet.domain.agents import Agent
from onenet.domain.bundle import Bundle, Jurisdiction
from onenet.domain.case import Applicant, Case, CaseContent, Decision, MaterialGiven
from onenet.domain.commands import (
    CheckCommitment,
    Command,
    DecideStep,
    DeferTolerance,
    DeliverResults,
    Extend,
    HandInSupplement,
    Hear,
    Open,
    SignCommitment,
    TakeCommitmentBack,
    Withdraw,
)
from onenet.domain.delegation import Owner
from onenet.domain.duplicates import Intended
from onenet.domain.filing import NOTHING_SAID, Filing
from onenet.domain.generated import GeneratedForm
from onenet.domain.promises import NOTHING_PROMISED, Promised
from onenet.domain.states import CaseState
from onenet.domain.tracking import hash_of
from onenet.domain.unfolding import unfold
from onenet.domain.visibility import Visible
from onenet.errors import Fault, FormInvalid, NotFound, UnknownReference
from onenet.ids import new_id
from onenet.services import contents, forms, receiving, reuse
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

StepCommand = (
    DecideStep
    | DeferTolerance
    | Hear
    | SignCommitment
    | TakeCommitmentBack
    | CheckCommitment
    | DeliverResults
)
"""What is done to one step, by a person."""

Render = Callable[[Case, Decision], StoredAnswer]

_UNSET = datetime.min.replace(tzinfo=UTC)
"""Stands in the blank case until the gate writes the moment of its commit over it."""


@dataclass(frozen=True, slots=True)
class Submission:
    """What a front-end submits for a subject. `version` None means the latest.

    `forms_sha256`: of the generated forms that the applicant has seen and confirmed, if any. `by_agent`: who
    sends it in does so in the applicant's place. `subjects`: for how many it is.
    """

    bundle: str
    version: int | None
    jurisdiction: str
    applicant: Applicant
    answers: Mapping[str, Any]
    form: Mapping[str, Any]
    materials: tuple[MaterialGiven, ...]
    forms_sha256: str | None = None
    promised: Promised = NOTHING_PROMISED
    duplicate: Intended | None = None
    agent: Agent | None = None
    filing: Filing = NOTHING_SAID
    receiving: str | None = None
    by_agent: bool = False
    subjects: int = 1

    def elsewhere(self) -> str | None:
        """Where it is handed in, when that is not where it is handled."""
        return self.receiving if self.receiving != self.jurisdiction else None

    def content(self) -> CaseContent:
        """What is said in it."""
        said = (self.applicant, dict(self.answers), dict(self.form), self.materials)
        return CaseContent(
            *said,
            forms_sha256=self.forms_sha256,
            duplicate=self.duplicate,
            agent=self.agent,
            filing=self.filing,
        )


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


async def bundle_for(catalogue: Catalogue, submission: Submission) -> Bundle:
    """The bundle for as many as the application is for. Raises: UnknownReference, FormInvalid."""
    bundle = await find_bundle(catalogue, submission.bundle, submission.version)
    if faults := subjects.count_faults(bundle, submission.subjects):
        raise FormInvalid("the bundle is not for so many", faults=faults)
    return unfold(bundle, submission.subjects)


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
    bundle = await bundle_for(catalogue, submission)
    await find_jurisdiction(catalogue, bundle, submission.jurisdiction)
    content = submission.content()
    contents.check(bundle, replace(content, forms_sha256=None), is_whole=False)
    return bundle, generated.generated(bundle, content)


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
    bundle = await bundle_for(catalogue, submission)
    place = await find_jurisdiction(catalogue, bundle, submission.jurisdiction)
    content = submission.content()
    if custody is not None:
        content = custody.with_evidence(bundle, content, Owner(client, subject))
    contents.check(bundle, content, submission.promised)
    await receiving.check(
        catalogue, bundle, submission.answers, submission.jurisdiction, submission.receiving
    )
    case_id = case_id or _id_of(submission, replying)
    template = await catalogue.number_template(submission.jurisdiction)
    blank = blank_case(case_id, bundle, place, content, hash_of(secret))._replace(
        subject=subject, client=client, receiving=submission.elsewhere()
    )
    await _check_duplicates(gate, Opening(blank, template), content.duplicate)

    async def opened(materials: Sequence[MaterialGiven]) -> Result:
        case = blank._replace(content=replace(content, materials=tuple(materials)))
        command = Open(submission.promised, by_agent=submission.by_agent)
        opens = change(case_id, command, replying, Opening(case, template))
        return await _submit(gate, opens, materials, custody)

    if custody is None or custody.owner != (client, subject):
        return await opened(content.materials)
    copies = Receiving(
        case_id, custody.who, catalogue, bundle, content.answers, replying.once, place.utc_offset_minutes
    )
    return await reuse.around(opened, custody.vault, content.materials, copies, custody.charge)


def blank_case(
    id: UUID, bundle: Bundle, jurisdiction: Jurisdiction, content: CaseContent, secret_hash: bytes
) -> Case:
    """The case before its first command, of nobody yet."""
    return Case(
        id=id, number="", bundle=bundle, jurisdiction=jurisdiction.code, subject="", client="",
        state=CaseState.RECEIVED, created_at=_UNSET, updated_at=_UNSET, secret_hash=secret_hash,
        content=content, utc_offset_minutes=jurisdiction.utc_offset_minutes,
    )  # fmt: skip


async def _check_duplicates(gate: Gate, opening: Opening, intended: Intended | None) -> None:
    """Passes when none is open. The gate looks again; who is refused here takes no number: no gap is left.

    Raises: DuplicateCase.
    """
    if thing := opening.thing:
        async with gate.database.read() as connection:
            found = await store_cases.open_cases_of(connection, [thing])
        duplicates.check(found.get(thing, ()), intended)


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
    faults = faults or subjects.repeated(case.bundle, {**case.content.form, **command.form})
    faults += contents.repeated(command.materials)
    if faults:
        raise FormInvalid("what is handed in is not right yet", faults=faults)
    # A repetition is answered by what was stored, however old its evidence is by now.
    if custody and replying.once and not await answered(custody.vault.database, replying.once):
        said = replace(case.content, form={**case.content.form, **command.form}, materials=command.materials)
        said = custody.with_evidence(case.bundle, said, Owner(case.client, case.subject))
        command = replace(command, materials=said.materials)
    return await _submit(gate, change(case.id, command, replying), command.materials, custody, case)


async def withdraw(gate: Gate, case_id: UUID, command: Withdraw, replying: Replying) -> Result:
    """Takes a case back, or a step of it. Raises: NotFound, MoveRefused, PreconditionFailed."""
    return await gate.submit(change(case_id, command, replying))


async def decide_step(gate: Gate, case_id: UUID, command: StepCommand, replying: Replying) -> Result:
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


async def events(
    database: Database, case_id: UUID, since: int, limit: int, without: Collection[str] = ()
) -> list[Event]:
    """Events after `since`, but of some types; whether the caller may see the case was settled before."""
    async with database.read() as connection:
        return await store_events.after(connection, case_id, since, limit, without)


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
