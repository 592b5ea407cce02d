"""Batch: what one commit has gathered. Decides changes one after the other, and tells which rows they make.

Pure but for the hands that it takes; what a change refuses leaves the batch as it was.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, NamedTuple
from uuid import UUID

from onenet.domain import carried
from onenet.domain.case import Case, Decision, Moment, Task
from onenet.domain.commands import Command, Open
from onenet.domain.duplicates import OpenCase, Thing
from onenet.domain.machine import decide
from onenet.domain.states import TaskState
from onenet.encryption import KeyRing
from onenet.errors import Conflict, NotFound, OnenetError, PreconditionFailed, StaleWrite
from onenet.ids import new_id
from onenet.services import leases, outbox
from onenet.services.change import Beside, Change, Once, Reaching, Result
from onenet.services.hands import Hand
from onenet.services.leases import Claimed, Crew
from onenet.services.numbering import NumberTemplate, fill
from onenet.store import bulk, idempotency, numbers
from onenet.store import changes as store_changes
from onenet.store import events as store_events
from onenet.store import rows as store_rows
from onenet.store.bulk import Part, Row
from onenet.store.changes import Changed, differs, next_version
from onenet.store.endpoints import EndpointRow
from onenet.store.idempotency import Done, StoredAnswer


@dataclass(slots=True)
class _Entry:
    """A case of this batch: as it was (None: opened here), as it is by now, and its new events."""

    before: Case | None
    after: Case
    events: list[store_events.Event] = field(default_factory=list)


class Decided(NamedTuple):
    """What a batch came to: an outcome for each change, leases for the crew, the rows to write."""

    outcomes: list[Result | Exception]
    claimed: list[Claimed]
    rows: dict[Part, list[Row]]


class Batch:
    """What one commit gathers.

    `left_due`: whether a task fell due that nobody here has a hand for.
    """

    def __init__(
        self,
        now: Moment,
        before: Mapping[UUID, Case],
        done: dict[tuple[str, str], Done],
        *,
        serials: Mapping[NumberTemplate, Iterator[int]],
        endpoints: Sequence[EndpointRow],
        crew: Crew | None,
        ring: KeyRing,
        open_cases: Mapping[Thing, Sequence[OpenCase]] = MappingProxyType({}),
    ):
        """`done`: what was done before under the keys of these changes. `crew` takes what falls due.

        `open_cases`: of the same things as those that are to be opened.

        `ring` makes the data keys of new cases, and seals.
        """
        self.left_due = False
        held = frozenset(e.owner for e in endpoints if e.kind == "department" and e.state == "held")
        self._now = now = replace(now, held=held) if held else now
        self._at = now.at.isoformat(timespec="microseconds")
        self._entries = {id: _Entry(case, case) for id, case in before.items()}
        self._done = done
        self._serials = serials
        self._endpoints = endpoints
        self._crew = crew
        self._ring = ring
        self._open_cases = {thing: tuple(found) for thing, found in open_cases.items()}
        self._token = new_id()
        self._begun: list[tuple[_Entry, UUID, Hand]] = []
        self._new_done: list[Done] = []
        self._new_numbers: list[tuple[str, str, UUID]] = []

    def committed(self) -> list[Case]:
        """The cases that this batch changes, as they are after it."""
        return [entry.after for entry in self._entries.values() if entry.after is not entry.before]

    # ---- deciding

    def decide_all(self, changes: Sequence[Change]) -> Decided:
        """Decides each in turn, on what those before it left."""
        outcomes = [self._decide(change) for change in changes]
        claimed = self._claimed()
        return Decided(outcomes, claimed, self._rows(changes, claimed))

    def _decide(self, change: Change) -> Result | Exception:
        """What becomes of one change; an error that is its own is its outcome."""
        once = change.once
        try:
            if once and (done := self._done.get((once.scope, once.key))):
                return repeated(done, once)
            beside = [self._decide_beside(each) for each in change.beside]
            entry = self._entry(change)
            if change.if_seq is not None and change.if_seq != entry.after.seq:
                raise PreconditionFailed
            decision = decide(entry.after, self._command(change), self._now)
            _check_reach(change, [decision, *(its for _, its in beside)])
        except Conflict as refusal:
            if once and change.render_refusal and not isinstance(refusal, StaleWrite | once.conflict):
                answer = change.render_refusal(refusal)
                self._note_done(change, answer)
                return Result(change.case_id, None, "refused", answer)
            return refusal
        except (OnenetError, Reaching) as refusal:
            return refusal
        after = self._settled(entry, decision, change.actor)
        for each, (other, its) in zip(change.beside, beside, strict=True):
            other.after = self._settled(other, its, each.actor or change.actor)
        stored = change.render(after, decision) if change.render else None
        entry.after = after
        if change.opening:
            self._entries[after.id] = entry
            if thing := change.opening.thing:
                opened = OpenCase(after.id, after.number, after.state)
                self._open_cases[thing] = (*self._open_cases.get(thing, ()), opened)
            self._new_numbers.append((change.opening.template.organisation, after.number, after.id))
        if once and stored:
            self._note_done(change, stored)
        return Result(after.id, after, decision.reply, stored)

    def _decide_beside(self, beside: Beside) -> tuple[_Entry, Decision]:
        """What becomes of another case; nothing is settled yet. Raises: as `decide`."""
        other = self._entries.get(beside.case_id)
        if other is None:
            raise NotFound
        return other, decide(other.after, beside.command, self._now)

    def _command(self, change: Change) -> Command:
        """The command; that to open a case with what is open of the same thing by now, also in this batch."""
        thing = change.opening.thing if change.opening else None
        if thing is None or not isinstance(change.command, Open):
            return change.command
        return replace(change.command, others=self._open_cases.get(thing, ()))

    def _entry(self, change: Change) -> _Entry:
        """The case as this batch has it by now; one that is opened gets number and key. Raises: NotFound."""
        if change.opening is None:
            found = self._entries.get(change.case_id)
            if found is None:
                raise NotFound
            return found
        opening, now = change.opening, self._now.at
        number = fill(opening.template, now, next(self._serials[opening.template]))
        _, data_key = self._ring.new_data_key()
        blank = opening.case
        return _Entry(None, blank._replace(number=number, created_at=now, updated_at=now, data_key=data_key))

    def _settled(self, entry: _Entry, decision: Decision, actor: str) -> Case:
        """The case as it will be saved: its events in the chain, its due tasks under leases."""
        case, after = entry.after, decision.case
        new = store_events.link(case.id, case.seq, case.head_hash, decision.events, actor=actor, at=self._at)
        entry.events += new
        tasks = self._leased(entry, after)
        if not new and not differs(case, after):
            return case
        last = new[-1] if new else None
        return after._replace(
            seq=last.seq if last else case.seq,
            head_hash=last.hash if last else case.head_hash,
            version=next_version(entry.before),
            tasks=tasks,
        )

    def _note_done(self, change: Change, answer: StoredAnswer) -> None:
        if (once := change.once) is None:
            return
        at = self._now.machine_at
        done = Done(once.scope, once.key, once.fingerprint, answer, change.case_id, at)
        self._done[done.scope, done.key] = done
        self._new_done.append(done)

    # ---- leases

    def _leased(self, entry: _Entry, after: Case) -> Mapping[UUID, Task]:
        """The tasks of the case; what falls due now is under a lease, as far as this process has hands."""
        now = self._now.machine_at
        taken = {}
        for task in after.tasks.values():
            if task.state is not TaskState.PENDING or task.next_at is None or task.next_at > now:
                continue
            if task is entry.after.tasks.get(task.id) or task.department in self._now.held:
                continue
            hand = self._crew.take(task.department, is_new=entry.before is None) if self._crew else None
            if self._crew is None or hand is None:
                self.left_due |= self._crew is None or not self._crew.rests(task.department)
                continue
            taken[task.id] = leases.leased(task, self._token, now + self._crew.lease, now)
            self._begun.append((entry, task.id, hand))
        return {**after.tasks, **taken} if taken else after.tasks

    def _claimed(self) -> list[Claimed]:
        """The leases that stand at the end of the batch; the hands of others are given back."""
        departments = {e.owner: e for e in self._endpoints if e.kind == "department"}
        claimed = []
        for entry, task_id, hand in self._begun:
            task = entry.after.tasks[task_id]
            if task.lease_token == self._token:
                row = {**store_rows.task_row(entry.after, task), "data_key": entry.after.data_key}
                claimed.append(Claimed(row, self._token, departments.get(task.department), hand))
            else:
                hand.give_back()
        return claimed

    def give_back(self) -> None:
        """Nothing of this was committed."""
        for _, _, hand in self._begun:
            hand.give_back()

    # ---- rows

    def _rows(self, changes: Sequence[Change], claimed: Sequence[Claimed]) -> dict[Part, list[Row]]:
        """Every row to write."""
        moved = [entry for entry in self._entries.values() if entry.after is not entry.before]
        # In the order in which `load` locks them: two gates must not wait for one another.
        moved.sort(key=lambda entry: (entry.after.lane, entry.after.id))
        found = store_changes.rows_of((Changed(e.before, e.after) for e in moved), self._ring)
        found[bulk.ATTEMPTS] = [leases.attempt_begun(each.row, self._now.machine_at) for each in claimed]
        found[bulk.ATTEMPTS_CHANGED] = list(self._attempts_ended(changes))
        found[bulk.EVENTS] = [store_events.row(event) for entry in moved for event in entry.events]
        found[bulk.PRIVATE] = [
            row
            for entry in moved
            for row in store_events.private_rows(entry.events, self._ring, entry.after.data_key)
        ]
        found[bulk.DELIVERIES] = list(self._deliveries(moved))
        found[bulk.KEYS] = [idempotency.row(done, self._ring) for done in self._new_done]
        found[bulk.NUMBERS] = [numbers.row(*number) for number in self._new_numbers]
        return found

    def _attempts_ended(self, changes: Sequence[Change]) -> Iterator[dict[str, Any]]:
        for change in changes:
            if change.attempt:
                entry = self._entries.get(change.case_id)
                is_erased = entry is not None and entry.after.content.is_erased
                yield leases.attempt_ended(change.attempt, is_erased=is_erased)

    def _deliveries(self, moved: Sequence[_Entry]) -> Iterator[dict[str, Any]]:
        subscribers = [e for e in self._endpoints if e.kind == "subscriber"]
        if subscribers:
            for entry in moved:
                yield from outbox.deliveries(entry.after, entry.events, subscribers, self._now.machine_at)


def _check_reach(change: Change, decisions: Sequence[Decision]) -> None:
    """Raises: Reaching when what is decided is to be told to cases that are not beside the change yet."""
    told = {each.case_id for each in change.beside}
    further = [
        Beside(id, command, actor=f"case:{change.case_id}")
        for decision in decisions
        for id, command in carried.reached(decision)
        if id not in told
    ]
    if further:
        raise Reaching(tuple(further))


def repeated(done: Done, once: Once) -> Result:
    """The stored answer. Raises: `once.conflict` when the key was used for another request."""
    if done.fingerprint != once.fingerprint:
        raise once.conflict
    return Result(done.case_id, None, "applied", done.answer, replayed=True)
