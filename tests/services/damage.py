"""Ways in which a case can be wrong: done to it in memory before it is saved, or to its rows afterwards.

The victim: `a` (police) is completed with a result; `b` (bank) is dispatched; `c` (bank) queues behind it;
`d` (police) comes after both.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, insert, select, update

from onenet.domain import answers, ending, flow
from onenet.domain.commands import GiveRating
from onenet.domain.draft import Draft
from onenet.domain.events import EventType
from onenet.domain.outcome import Completed, ResultGiven
from onenet.domain.ratings import Channel, Stage
from onenet.domain.states import StepState
from onenet.encryption import DataKey
from onenet.ids import new_id
from onenet.store import bulk, numbers, sealing, tables
from onenet.store.database import Database
from onenet.store.events import link
from tests.domain.walk import Walk, begin
from tests.factories import ACTOR, NOW, make_bundle, make_member, moment
from tests.keys import key_ring
from tests.store.seeding import save_new

BUNDLE = make_bundle(
    make_member("a", results=["paper"]),
    make_member("b", department="bank", after=["a"]),
    make_member("c", department="bank", after=["a"]),
    make_member("d", after=["b", "c"]),
)


def victim() -> Walk:
    """The case above, sound."""
    walk = begin(BUNDLE)
    walk.answer("a", Completed((ResultGiven("paper", "P-1"),), "granted"))
    walk.tell(GiveRating(Stage.ACCEPTANCE, 5, Channel.PC, step="a"))
    assert walk.states() == "completed dispatched ready waiting"
    return walk


async def save_numbered(database: Database, walks: Sequence[Walk]) -> None:
    """Writes cases with their numbers, each in an organisation of its own: all have the same number."""
    await save_new(database, walks)
    async with database.transaction() as connection:
        rows = [numbers.row(f"o{n}", walk.case.number, walk.case.id) for n, walk in enumerate(walks)]
        await bulk.write(connection, {bulk.NUMBERS: rows})


# ---- in memory: what a mistaken program would have written, with a record that fits


def forge(act: Callable[[Draft], Any]) -> Callable[[Walk], None]:
    """Changes the case as a command would, but without the rules that every command is followed by."""

    def forged(walk: Walk) -> None:
        draft = Draft(walk.case, moment())
        act(draft)
        decision = draft.decision()
        new = link(
            walk.case.id, walk.case.seq, walk.case.head_hash, decision.events,
            actor=ACTOR, at=NOW.isoformat(timespec="microseconds"),
        )  # fmt: skip
        walk.events += new
        walk.case = decision.case
        if new:
            walk.case = walk.case._replace(seq=new[-1].seq, head_hash=new[-1].hash)

    return forged


def complete(*codes: str) -> Callable[[Draft], None]:
    """These steps are completed by their departments, and what comes after is forgotten."""

    def act(draft: Draft) -> None:
        for code in codes:
            task = draft.live_task(code)
            assert task is not None
            answers.apply(draft, task.id, Completed(), None)

    return act


def close_case(draft: Draft) -> None:
    """Every step is closed, and nobody looks at the case."""
    for code in "bcd":
        ending.end_step(draft, code, StepState.CANCELLED, "x")


def end_twice(draft: Draft) -> None:
    draft.add(EventType.STEP_ACCEPTED, "a", state="accepted")
    draft.add(
        EventType.STEP_COMPLETED, "a", state="completed", opinion="granted",
        results=[{"code": "paper", "number": "P-1", "issued_on": None, "facts": {}}],
    )  # fmt: skip


# ---- in the rows: what somebody did to the tables


@dataclass(frozen=True)
class Rows:
    """The rows of one case, open to whoever may write to the database."""

    connection: Connection
    walk: Walk

    def change(self, name: str, step: str | None = None, **values: Any) -> None:
        """Writes over columns of the case's rows in a table; of one step, if it is named."""
        table, key = tables.metadata.tables[name], self.walk.case.id
        column = table.c.id if name == "cases" else table.c.case_id
        statement = update(table).where(column == key).values(**values)
        if step is not None:
            statement = statement.where(table.c["code" if name == "step" else "step"] == step)
        assert self.connection.execute(statement).rowcount

    def drop(self, *names: str, step: str | None = None) -> None:
        """Deletes the case's rows of these tables."""
        for name in names:
            table = tables.metadata.tables[name]
            column = table.c.id if name == "cases" else table.c.case_id
            statement = delete(table).where(column == self.walk.case.id)
            if step is not None:
                statement = statement.where(table.c.step == step)
            self.connection.execute(statement)

    def say(self, step: str, **said: Any) -> None:
        """Writes over what was said of a step, as one who has the keys: nobody else's words are taken."""
        plain = {"opinion": None, "reason": None, "results": "[]", "requests": "[]"} | said
        self.change("step", step, said=self._sealed(sealing.SAID, f"{self.walk.case.id}/{step}", plain))

    def change_sheet(self, step: str, sheet: Mapping[str, Any]) -> None:
        """Writes over the sheet of a step's task, as one who has the keys."""
        task = self._task(step)
        self.change("task", step, payload=self._sealed(sealing.PAYLOAD, task["id"], sheet))

    def copy_task(self, step: str) -> None:
        """A second task of the same submission, under another id, by one who has the keys."""
        row, id = self._task(step), new_id(self.walk.case.lane)
        self.connection.execute(insert(tables.task).values(self._under(row, id)))

    def rename_task(self, step: str) -> None:
        """The task under another id, by one who has the keys."""
        row = self._under(self._task(step), new_id(self.walk.case.lane))
        self.change("task", step, id=row["id"], payload=row["payload"])

    def _task(self, step: str) -> dict[str, Any]:
        t = tables.task
        wanted = select(t).where(t.c.case_id == self.walk.case.id, t.c.step == step)
        return dict(self.connection.execute(wanted).mappings().one())

    def _under(self, row: Mapping[str, Any], id: UUID) -> dict[str, Any]:
        sheet = self._key().unseal(row["payload"], place=sealing.PAYLOAD, row=row["id"])
        return {**row, "id": id, "payload": self._key().seal(sheet, place=sealing.PAYLOAD, row=id)}

    def _sealed(self, place: str, row: UUID | str, value: Mapping[str, Any]) -> str:
        return self._key().seal(json.dumps(value), place=place, row=row)

    def _key(self) -> DataKey:
        assert self.walk.case.data_key is not None
        return key_ring().open(self.walk.case.data_key)

    def deliver(self, **values: Any) -> None:
        """A delivery of the first event, as the outbox writes it but for these values."""
        case, endpoint = self.walk.case, new_id()
        e, d = tables.endpoint, tables.delivery
        self.connection.execute(
            insert(e).values(
                id=endpoint, kind="subscriber", owner="app", adapter="webhook", url="http://127.0.0.1:1",
                secrets="[]", options="{}", events="[]", state="active", created_at=NOW,
            )
        )  # fmt: skip
        row = {
            "lane": case.lane, "case_id": case.id, "id": case.derived_id("delivery", 1, endpoint),
            "endpoint_id": endpoint, "seq": 1, "type": "case.received", "payload": "{}", "state": "pending",
            "created_at": NOW, "attempt": 0, "tries": 0, "next_at": NOW,
        }  # fmt: skip
        self.connection.execute(insert(d).values(row | values))


@dataclass(frozen=True)
class Damage:
    """What is done, before the case is saved or after; which invariants must be found broken by it."""

    found: frozenset[str]
    before: Callable[[Walk], None] | None = None
    after: Callable[[Rows], None] | None = None


def before(found: str, act: Callable[[Walk], None]) -> Damage:
    return Damage(frozenset(found.split()), before=act)


def after(found: str, act: Callable[[Rows], None]) -> Damage:
    return Damage(frozenset(found.split()), after=act)


PAPER = '[{"code": "paper", "number": "P-1", "facts": null}]'

EVERYTHING = ("rating", "event", "timer", "task", "step", "case_content", "cases")

DAMAGES: Mapping[str, Damage] = {
    "number lost": after("I1", lambda rows: rows.drop("case_number")),
    "case lost": after("I1", lambda rows: rows.drop(*EVERYTHING)),
    "results overwritten": after("I2", lambda rows: rows.say("a", opinion="granted")),
    "opinion overwritten": after("I2", lambda rows: rows.say("a", opinion="refused", results=PAPER)),
    "a step ends twice": before("I2", forge(end_twice)),
    "another key": after("I3", lambda rows: rows.rename_task("b")),
    "two tasks of one submission": after("I3", lambda rows: rows.copy_task("b")),
    # The queue of its own department no longer knows of it.
    "a task for a stranger": after("I3 I8", lambda rows: rows.change("task", "b", department="tax")),
    "a sheet of another task": after("I3", lambda rows: rows.change_sheet("b", {})),
    "a sheet in the clear": after("I8", lambda rows: rows.change("task", "b", payload="{}")),
    "a sheet that was moved": after(
        "I8", lambda rows: rows.change("task", "b", id=new_id(rows.walk.case.lane))
    ),
    "content in the clear": after("I8", lambda rows: rows.change("case_content", content="{}")),
    "a message of another event": after("I3", lambda rows: rows.deliver(type="case.completed")),
    "a message under another key": after("I3", lambda rows: rows.deliver(id=new_id(rows.walk.case.lane))),
    "an event altered": after("I5", lambda rows: rows.change("event", "a", data="{}")),
    "an event removed": after("I5", lambda rows: rows.drop("event", step="b")),
    "a step altered": after("I5", lambda rows: rows.change("step", "b", state="accepted")),
    "a step of another clerk": after(
        "I5", lambda rows: rows.change("step", "b", claimed_by="officer:x/1", claimed_at=NOW)
    ),
    "a rating altered": after("I5", lambda rows: rows.change("rating", level=1)),
    "a rating handled past the gate": after("I5", lambda rows: rows.change("rating", state="removed")),
    "a rating lost": after("I5", lambda rows: rows.drop("rating")),
    "the case altered": after("I5", lambda rows: rows.change("cases", state="received")),
    "handed out too early": before("I7", forge(lambda draft: flow.hand_out(draft, "d"))),
    "handed out twice": before("I7 I8", forge(lambda draft: flow.hand_out(draft, "b"))),
    "not released": before("I8", forge(complete("b", "c"))),
    "queued behind nothing": before("I8", forge(complete("b"))),
    "not closed": before("I8", forge(close_case)),
    "task lost": after("I8", lambda rows: rows.drop("task", step="b")),
    "task done, step open": after("I8", lambda rows: rows.change("task", "b", state="done", next_at=None)),
    "task held, step open": after("I8", lambda rows: rows.change("task", "b", state="held", next_at=None)),
    "task parked": after("I8", lambda rows: rows.change("task", "b", next_at=None)),
    "a lease without an end": after(
        "I8", lambda rows: rows.change("task", "b", state="sending", next_at=None, lease_token=new_id())
    ),
    "says a wrong reason": after("I8", lambda rows: rows.change("step", "d", wait_refs='["a"]')),
    "delivery parked": after("I8", lambda rows: rows.deliver(next_at=None)),
    "content lost": after("I8", lambda rows: rows.drop("case_content")),
    "step lost": after("I8", lambda rows: rows.change("step", "d", code="z")),
}
"""Name -> damage. Every invariant but I4 and I6, which need rows of a department (test_invariants.py)."""
