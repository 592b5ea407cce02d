"""A month of cases on a clock that ticks: applicants, offices of every kind, and time itself.

Everything goes through the real gate into a real database: the shipped catalogue with its calendar and rules,
and beside it a bundle that has what no shipped one has. Whoever does what when is drawn from one seed. The
rest of this module, `kinds` and `lights` look only at the record, with a way of counting of their own.
"""

from __future__ import annotations

import asyncio
import heapq
import itertools
import json
import random
import shutil
import tempfile
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple
from uuid import UUID

from onenet.api.case_shapes import CaseSubmission
from onenet.clock import FrozenClock
from onenet.demo import samples
from onenet.domain import commitment
from onenet.domain.case import Case
from onenet.domain.commands import Command
from onenet.domain.moves import is_to_be_delivered
from onenet.domain.principal import Principal, Role
from onenet.domain.promises import NOTHING_PROMISED
from onenet.domain.states import FINAL_CASE, FINAL_STEP, StepState
from onenet.domain.tickets import ticket_of
from onenet.errors import Conflict, NotFound
from onenet.resources import example_catalogue_dir
from onenet.services import cases, catalogue, dues, reapplications, steps
from onenet.services import tickets as hotline
from onenet.services.advance import Gate
from onenet.services.cases import Replying
from onenet.services.catalogue import Catalogue
from onenet.services.change import Change
from onenet.services.custody import Custody
from onenet.services.reapplications import Repaired
from onenet.store import cases as store_cases
from onenet.store.database import Database
from onenet.store.idempotency import StoredAnswer
from tests.documents.vaults import bare_vault
from tests.month import people, tickets
from tests.month.kinds import OFFSET, local
from tests.month.people import DEEDS, Now, Planned

BEGINS = datetime(2026, 1, 25, 16, 0, tzinfo=UTC)
"""A Monday's first hour there: a month with the spring festival and two make-up Saturdays."""

DAYS = 35
LAST_ARRIVAL = BEGINS + timedelta(days=22)
OPEN_HOURS = range(9, 17)
OWN_BUNDLE = "month_round"
AT_ONCE = 100
"""As many are in the gate at a time, so that none waits longer than the gate is patient, as busy as it is."""

_WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)


def identity_number(serial: int) -> str:
    """The number of nobody: of an area that there is not, and with a check digit that is right."""
    body = f"320599{19600101 + serial // 1000 % 28}{serial % 1000:03d}"
    total = sum(int(digit) * weight for digit, weight in zip(body, _WEIGHTS, strict=True))
    return body + "10X98765432"[total % 11]


class Deed(NamedTuple):
    """What somebody will do, and when; `step` is empty of a ticket."""

    at: datetime
    serial: int
    case_id: UUID
    step: str
    what: str


@dataclass
class Month:
    """A month while it happens. `tick`: how often somebody looks what is due; `blind`: days on which nobody
    does, for the control. `renewals`: until when a permit holds, by the case that renews it. `abouts`: what
    each ticket is about.
    """

    database: Database
    number: int
    tick: timedelta = timedelta(hours=1)
    seed: int = 1
    blind: range = range(0)
    clock: FrozenClock = field(default_factory=lambda: FrozenClock(BEGINS))
    deeds: list[Deed] = field(default_factory=list)
    opened: int = 0
    done: Counter[str] = field(default_factory=Counter)
    renewals: dict[UUID, date] = field(default_factory=dict)
    abouts: dict[UUID, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Nobody has applied yet."""
        self.random = random.Random(self.seed)
        self.catalogue = Catalogue(self.database)
        self.gate = Gate(self.database, self.catalogue.bundle, self.clock, self.clock, self.catalogue.rules)
        self._serials = itertools.count()
        self._few = asyncio.Semaphore(AT_ONCE)
        self._planned: set[tuple[object, ...]] = set()

    async def run(self) -> None:
        """Lets it happen."""
        await self._publish()
        self.calendar = await self.catalogue.calendar("suzhou")
        ticks = range(int(timedelta(days=DAYS) / self.tick))
        times = {n: BEGINS + n * self.tick for n in ticks}
        office = [n for n, at in times.items() if (at + OFFSET).hour in OPEN_HOURS and at < LAST_ARRIVAL]
        arrivals = Counter(self.random.choices(office, k=self.number))
        for n in ticks:
            if (times[n] - BEGINS).days not in self.blind:
                await self._let_pass()
            # Between two ticks: nobody does anything at the very moment at which a day ends.
            self.clock.advance(self.tick / 2)
            await self._apply(arrivals[n])
            await self._act()
            self.clock.advance(self.tick / 2)
        await self._let_pass()

    async def _publish(self) -> None:
        with tempfile.TemporaryDirectory() as folder:
            shutil.copytree(example_catalogue_dir(), folder, dirs_exist_ok=True)
            shutil.copy(Path(__file__).parent / "catalogue" / "month.yaml", folder)
            await catalogue.publish(self.database, Path(folder), self.clock)

    async def _let_pass(self) -> None:
        while await dues.let_pass(self.database, self.gate, self.clock, AT_ONCE):
            pass
        while await steps.fire_timers(self.database, self.gate, self.clock, AT_ONCE):
            pass

    async def _apply(self, count: int) -> None:
        async with asyncio.TaskGroup() as group:  # where one fails, no other goes on with a closed database
            made = [group.create_task(self._submit()) for _ in range(count)]
        for each in made:
            self._plan(each.result())

    async def _submit(self) -> Case:
        async with self._few:
            return await self._opened()

    async def _opened(self) -> Case:
        self.opened += 1
        serial, today = self.opened, local(self.clock.now())
        bundles = [*samples.BUNDLES, *[OWN_BUNDLE] * 4, tickets.CODE]
        bundle = bundles[serial % len(bundles)]
        if bundle == tickets.CODE:
            return await self._file(serial)
        said = own_sample(self.random) if bundle == OWN_BUNDLE else samples.read(bundle)[0]
        applied = CaseSubmission.model_validate_json(
            json.dumps(samples.submission(said, today))
        ).to_submission()
        if applied.applicant.kind == "natural_person":
            applied = replace(applied, applicant=replace(applied.applicant, id_no=identity_number(serial)))
        result = await cases.submit(
            self.gate,
            self.catalogue,
            applied,
            subject=f"s-{serial}",
            client="month",
            secret=f"secret-{serial}",
            replying=Replying(actor=f"frontend:month/s-{serial}"),
        )
        assert result.case is not None
        if bundle == OWN_BUNDLE:
            self.renewals[result.case.id] = date.fromisoformat(applied.form["permit_expires_on"])
        return result.case

    async def _file(self, serial: int) -> Case:
        filed = tickets.filed(serial, self._now)
        self.abouts[filed.case_id] = filed.about

        def tell(case: Case) -> StoredAnswer:
            return StoredAnswer(201, "{}", {})

        secret, actor = f"secret-{serial}", f"frontend:month/s-{serial}"
        await hotline.file(
            self.gate, self.catalogue, filed, actor=actor, secret=secret, tell=tell, tell_known=tell
        )
        return (await self._load([filed.case_id]))[filed.case_id]

    @property
    def _now(self) -> Now:
        return Now(self.clock.now(), self.calendar, self.random)

    # ---- what people will do

    def _plan(self, case: Case) -> None:
        """Draws what will be done about whatever is new in the case."""
        if ticket := ticket_of(case.content.procedures):
            stands = (ticket.state, len(ticket.rounds), len(ticket.round.units))
            self._once(case, "", tickets.when(ticket, self.random.uniform), *stands)
        else:
            self._plan_steps(case)

    def _plan_steps(self, case: Case) -> None:
        draw, some_step = self.random.uniform, next(iter(case.steps))
        if case.state in FINAL_CASE:
            self._once(case, some_step, people.when_ended(draw), "ended")
        for step in case.steps.values():
            if step.state is StepState.DISPATCHED:
                is_licence = case.bundle.member(step.code).item_type == "01"
                plan = people.when_handed_out(draw, is_licence=is_licence)
                self._once(case, step.code, plan, "handed_out", step.submission)
            elif step.state is StepState.SUPPLEMENT_NEEDED:
                self._once(case, step.code, people.when_asked(draw), "asked", step.submission)
            elif step.state is StepState.COMPLETED:
                if is_to_be_delivered(step):
                    self._once(case, step.code, people.when_granted(draw), "granted")
                signed = commitment.of(step)
                if signed is not None and signed.state == "to_check":
                    self._once(case, step.code, people.when_granted_on_commitment(draw), "to_check")
            elif step.state is StepState.REJECTED and draw(0, 1) < 0.3:
                self._once(case, step.code, [Planned("reapply", draw(0.2, 3))], "refused")
        if any(task.kind == "withdrawal" for task in case.tasks.values()):
            self._once(case, some_step, [Planned("confirm", draw(0.1, 6)) for _ in range(3)], "told")

    def _once(self, case: Case, step: str, plan: Iterable[Planned], *why: object) -> None:
        key = (case.id, step, *why)
        if key not in self._planned:
            self._planned.add(key)
            for each in plan:
                at = self.clock.now() + timedelta(days=each.days)
                heapq.heappush(self.deeds, Deed(at, next(self._serials), case.id, step, each.what))

    async def _act(self) -> None:
        """Does what people do this hour; one thing at a time of each case."""
        while self.deeds and self.deeds[0].at <= self.clock.now():
            now: dict[UUID, Deed] = {}
            while self.deeds and self.deeds[0].at <= self.clock.now() and self.deeds[0].case_id not in now:
                deed = heapq.heappop(self.deeds)
                now[deed.case_id] = deed
            found = await self._load(now)
            done = await asyncio.gather(*(self._do(found[id], deed) for id, deed in now.items()))
            for deed, case in zip(now.values(), done, strict=True):
                if case is not None:
                    self.done[deed.what] += 1
                    self._plan(case)
                elif deed.what in ("complete", "refuse") and not self._is_over(found[deed.case_id], deed):
                    self._again(deed)

    async def _load(self, ids: Iterable[UUID]) -> dict[UUID, Case]:
        async with self.database.read() as connection:
            fetched = await store_cases.fetch(connection, list(ids))
        return await store_cases.assemble(fetched, self.catalogue.bundle)

    def _is_over(self, case: Case, deed: Deed) -> bool:
        return case.steps[deed.step].state in FINAL_STEP

    def _again(self, deed: Deed) -> None:
        """What was not possible yet is decided some days later."""
        at = self.clock.now() + timedelta(days=2)
        heapq.heappush(self.deeds, Deed(at, next(self._serials), *deed[2:]))

    async def _do(self, case: Case, deed: Deed) -> Case | None:
        """The case after it; None where it was not possible."""
        async with self._few:
            return await self._done(case, deed)

    async def _done(self, case: Case, deed: Deed) -> Case | None:
        try:
            if deed.what == "reapply":
                return await self._reapply(case, deed.step)
            if ticket := ticket_of(case.content.procedures):
                command = tickets.DEEDS[deed.what](case, ticket, self._now)
            else:
                command = DEEDS[deed.what](case, case.steps[deed.step], self._now)
            return None if command is None else await self._submit_command(case, command)
        except (Conflict, NotFound):
            return None

    async def _submit_command(self, case: Case, command: Command) -> Case | None:
        result = await self.gate.submit(Change(case.id, command, f"frontend:month/{case.subject}"))
        return result.case if result.reply not in ("refused", "recorded-late") else None

    async def _reapply(self, case: Case, step: str) -> Case | None:
        who = Principal(Role.FRONTEND, "month", frozenset(), case.subject)
        result = await reapplications.apply_again(
            self.gate,
            self.catalogue,
            case,
            Repaired(step, {}, (), NOTHING_PROMISED),
            secret=f"again-{case.number}",
            replying=Replying(actor=f"frontend:month/{case.subject}"),
            custody=Custody(bare_vault(self.database, self.clock), who, lambda: None),
        )
        if result.case is not None and case.id in self.renewals:
            self.renewals[result.case.id] = self.renewals[case.id]
        return result.case


def own_sample(draw: random.Random) -> dict[str, Any]:
    """An application for the month's own bundle: renewed in time or not, with materials or a promise."""
    day = draw.choice((8, 10, 11, 12, 13))
    applicant = {
        "name": "示例甲",
        "kind": "natural_person",
        "id_type": "resident_identity_card",
        "id_no": "x",
    }
    sample: dict[str, Any] = {
        "bundle": OWN_BUNDLE,
        "jurisdiction": "month",
        "answers": {},
        "form": {"shop_name": "示例店", "permit_expires_on": f"{{today+{day}}}"},
        "materials": [{"code": "premises_proof", "reference": "mine/premises_proof"}],
        "applicant": applicant | {"id_no": identity_number(1)},
    }
    if draw.random() < 0.6:
        later = [{"code": "manager_cert"}]
        sample["undertakings"] = [
            {"step": "month_permit", "text_version": "2026-1", "signed_by": "示例甲", "materials": later}
        ]
    else:
        sample["materials"].append({"code": "manager_cert", "reference": "mine/manager_cert"})
    if draw.random() < 0.7:
        sample["commitments"] = [{"step": "month_check", "text_version": "2026-1", "signed_by": "示例甲"}]
    return sample
