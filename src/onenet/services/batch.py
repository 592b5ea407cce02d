"""Batch: what one commit has gathered. Decides changes one after the other, and tells which rows they make.

Pure but for the hands that it takes; what a change refuses leaves the batch as it was.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID

from onenet.domain.case import Case, Moment
from onenet.domain.machine import decide
from onenet.domain.states import TaskState
from onenet.errors import Conflict, NotFound, OnenetError, PreconditionFailed, StaleWrite
from onenet.ids import new_id
from onenet.services import leases, outbox
from onenet.services.change import Change, Once, Result
from onenet.services.hands import Hand
from onenet.services.leases import Claimed, Crew
from onenet.services.numbering import NumberTemplate, fill
from onenet.store import bulk, idempotency, numbers
from onenet.store import changes as store_changes
from onenet.store import events as store_events
from onenet.store import rows as store_rows
from onenet.store.bulk import Part, Row
from onenet.store.changes import Changed
from onenet.store.endpoints import EndpointRow
from onenet.store.idempotency import Done, StoredAnswer


@dataclass(slots=True)
class Batch:
    """Cases before and after, and everything else that one commit writes.

    `done`: what was done before under the keys of these changes. `begun`: leases taken for the crew.
    `left_due`: whether a task fell due that nobody here has a hand for.
    """

    now: Moment
    before: Mapping[UUID, Case]
    done: dict[tuple[str, str], Done]
    serials: Mapping[NumberTemplate, Iterator[int]]
    endpoints: Sequence[EndpointRow]
    crew: Crew | None = None
    token: UUID = field(default_factory=new_id)
    after: dict[UUID, Case] = field(default_factory=dict)
    begun: list[tuple[UUID, UUID, Hand]] = field(default_factory=list)
    left_due: bool = False
    events: dict[UUID, list[store_events.Event]] = field(default_factory=lambda: defaultdict(list))
    new_done: list[Done] = field(default_factory=list)
    new_numbers: list[tuple[str, str, UUID]] = field(default_factory=list)

    # ---- deciding

    def decide(self, change: Change) -> Result | Exception:
        """What becomes of one change; an error that is its own is its outcome."""
        once = change.once
        try:
            if once and (done := self.done.get((once.scope, once.key))):
                return repeated(done, once)
            case = self._case(change)
            if change.if_seq is not None and change.if_seq != case.seq:
                raise PreconditionFailed
            decision = decide(case, change.command, self.now)
        except Conflict as refusal:
            if once and change.render_refusal and not isinstance(refusal, StaleWrite | once.conflict):
                answer = change.render_refusal(refusal)
                self._note_done(change, answer)
                return Result(change.case_id, None, "refused", answer)
            return refusal
        except OnenetError as refusal:
            return refusal
        at = self.now.at.isoformat(timespec="microseconds")
        new = store_events.link(case.id, case.seq, case.head_hash, decision.events, actor=change.actor, at=at)
        after = self._leased(case, decision.case, change)
        if new:
            after = after._replace(seq=new[-1].seq, head_hash=new[-1].hash)
        stored = change.render(after, decision.reply) if change.render else None
        if _differs(case, after):
            after = self.after[case.id] = store_changes.saved(self.before.get(case.id), after)
            self.events[case.id] += new
        if change.opening:
            self.new_numbers.append((change.opening.template.organisation, case.number, case.id))
        if once and stored:
            self._note_done(change, stored)
        return Result(case.id, after, decision.reply, stored)

    def _case(self, change: Change) -> Case:
        """The case as this batch has it by now; one that is opened gets its number. Raises: NotFound."""
        if change.opening is None:
            found = self.after.get(change.case_id) or self.before.get(change.case_id)
            if found is None:
                raise NotFound
            return found
        opening, now = change.opening, self.now.at
        number = fill(opening.template, now, next(self.serials[opening.template]))
        return opening.case._replace(number=number, created_at=now, updated_at=now)

    def _note_done(self, change: Change, answer: StoredAnswer) -> None:
        if (once := change.once) is None:
            return
        done = Done(once.scope, once.key, once.fingerprint, answer, change.case_id, self.now.machine_at)
        self.done[done.scope, done.key] = done
        self.new_done.append(done)

    # ---- leases

    def _leased(self, before: Case, after: Case, change: Change) -> Case:
        """The case with what falls due now under leases, as far as this process has hands."""
        if change.claimed is not None and change.claimed.hand is not None:
            change.claimed.hand.give_back()
        known, now = before.tasks if change.opening is None else {}, self.now.machine_at
        taken = {}
        for id, task in after.tasks.items():
            if task is known.get(id) or task.state is not TaskState.PENDING:
                continue
            if task.next_at is None or task.next_at > now:
                continue
            is_new = change.opening is not None
            hand = self.crew.take(task.department, is_new=is_new) if self.crew else None
            if self.crew is None or hand is None:
                self.left_due = True
                continue
            taken[id] = leases.leased(task, self.token, now + self.crew.lease, now)
            self.begun.append((after.id, id, hand))
        return after._replace(tasks={**after.tasks, **taken}) if taken else after

    def claimed(self) -> list[Claimed]:
        """The leases that stand at the end of the batch; the hands of others are given back."""
        departments = {e.owner: e for e in self.endpoints if e.kind == "department"}
        claimed = []
        for case_id, task_id, hand in self.begun:
            case = self.after[case_id]
            task = case.tasks[task_id]
            if task.lease_token == self.token:
                row = store_rows.task_row(case, task)
                claimed.append(Claimed(row, self.token, departments.get(task.department), hand))
            else:
                hand.give_back()
        return claimed

    def give_back(self) -> None:
        """Nothing of this was committed."""
        for _, _, hand in self.begun:
            hand.give_back()

    # ---- rows

    def rows(self, changes: Sequence[Change], claimed: Sequence[Claimed]) -> dict[Part, list[Row]]:
        """Every row to write."""
        changed = [Changed(self.before.get(id), case) for id, case in self.after.items()]
        found = store_changes.rows_of(changed)
        found[bulk.ATTEMPTS] = [leases.attempt_begun(each.row, self.now.machine_at) for each in claimed]
        found[bulk.ATTEMPTS_CHANGED] = [leases.attempt_ended(c.attempt) for c in changes if c.attempt]
        found[bulk.EVENTS] = [store_events.row(e) for new in self.events.values() for e in new]
        found[bulk.DELIVERIES] = list(self._deliveries())
        found[bulk.KEYS] = [idempotency.row(done) for done in self.new_done]
        found[bulk.NUMBERS] = [numbers.row(*number) for number in self.new_numbers]
        return found

    def _deliveries(self) -> Iterator[dict[str, Any]]:
        subscribers = [e for e in self.endpoints if e.kind == "subscriber"]
        if subscribers:
            for id, new in self.events.items():
                yield from outbox.deliveries(self.after[id], new, subscribers, self.now.machine_at)


def repeated(done: Done, once: Once) -> Result:
    """The stored answer. Raises: `once.conflict` when the key was used for another request."""
    if done.fingerprint != once.fingerprint:
        raise once.conflict
    return Result(done.case_id, None, "applied", done.answer, replayed=True)


def _differs(before: Case, after: Case) -> bool:
    return (
        before.seq != after.seq
        or before.tasks != after.tasks
        or before.steps != after.steps
        or before.timers != after.timers
        or before.content is not after.content
    )
