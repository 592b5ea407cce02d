"""Negative controls: each way to lose or double something is found, by the invariant that is there for it.

A city runs once, unharmed; each control spoils a copy of what it left behind.
"""

from __future__ import annotations

import shutil
import sqlite3
from collections import Counter
from collections.abc import Callable
from contextlib import closing
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest

from onenet.store import tables
from onenet.store.database import Database
from onenet.store.sealing import PAYLOAD
from tests.faults.evidence import gather
from tests.faults.invariants import CHECKS, violations
from tests.faults.load import Acknowledged, Ledger
from tests.faults.samples import CHOSEN
from tests.faults.scenario import look, scene, under_load
from tests.faults.subscriber import Heard
from tests.keys import key_ring

FILE = "onenet.sqlite3"

pytestmark = [pytest.mark.anyio, pytest.mark.slow, pytest.mark.xdist_group("controls")]


@dataclass(frozen=True, slots=True)
class Traces:
    """What a run left behind: files of database and departments, ledgers of applicants and subscriber."""

    folder: Path
    ledger: Ledger
    heard: Heard

    def copy(self, folder: Path) -> Traces:
        """The same once more, to be spoilt."""
        shutil.copytree(self.folder, folder)
        return Traces(folder, deepcopy(self.ledger), deepcopy(self.heard))

    def spoil(self, file: str, *statements: str) -> None:
        """Runs statements on a database; each has to change something, or the control would prove nothing."""
        with closing(sqlite3.connect(self.folder / file)) as db, db:
            for statement in statements:
                assert db.execute(statement).rowcount > 0, statement


@pytest.fixture(scope="module")
async def unharmed(
    anyio_backend: str, sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory
) -> Traces:
    """A run in which nothing was killed, and in which each sample was sent in at least once."""
    folder = tmp_path_factory.mktemp("unharmed")
    shutil.copy(sqlite_template, folder / FILE)
    async with scene(folder, f"sqlite:///{folder / FILE}", "together") as made:
        await under_load(made, lambda: made.applicants.acknowledged(len(CHOSEN)))
        report = await look(made, Counter())
        assert report.violations == ()
        return Traces(folder, made.ledger, dict(made.city.subscriber.heard))


def promise_without_case(traces: Traces) -> None:
    sample = traces.ledger.acknowledged[0].sample
    traces.ledger.acknowledged.append(Acknowledged("case-0", "never-stored", sample))


def case_deleted(traces: Traces) -> None:
    case_id = traces.ledger.acknowledged[0].case_id.replace("-", "")
    parts = [t.name for t in reversed(tables.metadata.sorted_tables) if "case_id" in t.c]
    with closing(sqlite3.connect(traces.folder / FILE)) as db, db:
        deleted = sum(
            db.execute(f"DELETE FROM {name} WHERE case_id = '{case_id}'").rowcount  # our own names
            for name in parts
        )
    assert deleted > 0
    traces.spoil(FILE, f"DELETE FROM cases WHERE id = '{case_id}'")


def case_with_two_keys(traces: Traces) -> None:
    first, second = traces.ledger.acknowledged[:2]
    traces.ledger.acknowledged[1] = Acknowledged(second.key, first.case_id, second.sample)


def case_stored_twice(traces: Traces) -> None:
    del traces.ledger.acknowledged[0]


def another_case_when_asked_again(traces: Traces) -> None:
    first, second = traces.ledger.acknowledged[:2]
    traces.ledger.again[first.key] = second.case_id


def case_unfinished(traces: Traces) -> None:
    traces.spoil(FILE, "UPDATE cases SET state = 'in_progress' WHERE id = (SELECT min(id) FROM cases)")


def step_forgotten(traces: Traces) -> None:
    """What it waited for is done, and nobody handed it out."""
    traces.spoil(
        FILE,
        "UPDATE step SET state = 'waiting', waits_for = 'steps', wait_reason = 'dependency', wait_refs = '[]'"
        " WHERE code = 'food_licence' AND state = 'completed'",
        "UPDATE cases SET state = 'in_progress'"
        " WHERE id IN (SELECT case_id FROM step WHERE state = 'waiting')",
    )


def effect_dropped(traces: Traces) -> None:
    traces.spoil("police.sqlite3", "UPDATE task SET effects = 0 WHERE key = (SELECT min(key) FROM task)")


def effect_doubled(traces: Traces) -> None:
    traces.spoil("police.sqlite3", "UPDATE task SET effects = 2 WHERE key = (SELECT min(key) FROM task)")


def task_never_came(traces: Traces) -> None:
    traces.spoil("health.sqlite3", "DELETE FROM task WHERE key = (SELECT min(key) FROM task)")


def body_changed(traces: Traces) -> None:
    traces.spoil("hrss.sqlite3", "UPDATE task SET digest = '0' WHERE key = (SELECT min(key) FROM task)")


def key_with_two_bodies(traces: Traces) -> None:
    traces.spoil("medins.sqlite3", "INSERT INTO clash SELECT key, '0' FROM task LIMIT 1")


def task_of_another_department(traces: Traces) -> None:
    police = traces.folder / "police.sqlite3"
    with closing(sqlite3.connect(police)) as db:
        key, digest = db.execute("SELECT key, digest FROM task").fetchone()
    traces.spoil("fire.sqlite3", f"INSERT INTO task VALUES ('{key}', '{digest}', 1, 0)")


def event_changed(traces: Traces) -> None:
    traces.spoil(FILE, "UPDATE event SET actor = 'somebody' WHERE seq = 3")


def event_taken_out(traces: Traces) -> None:
    traces.spoil(FILE, "DELETE FROM event WHERE seq = 2")


def lease_left(traces: Traces) -> None:
    first = "lane, case_id, id) = (SELECT lane, case_id, id FROM task LIMIT 1"
    traces.spoil(
        FILE,
        "UPDATE task SET state = 'sending', next_at = '2026-01-01 00:00:00', lease_token = id"
        f" WHERE ({first})",
    )


def callback_unsent(traces: Traces) -> None:
    traces.spoil("fire.sqlite3", "UPDATE callback SET state = 'pending' WHERE id = 1")


def step_handed_out_too_early(traces: Traces) -> None:
    """What food_licence waits for comes last."""
    traces.spoil(
        FILE,
        "UPDATE event SET seq = seq + 1000 WHERE type = 'step.completed' AND step = 'licence_check'",
    )


def join_fired_twice(traces: Traces) -> None:
    columns = [column.name for column in tables.task.c]
    with closing(sqlite3.connect(traces.folder / FILE)) as db, db:
        task = dict(
            zip(columns, db.execute(f"SELECT {', '.join(columns)} FROM task").fetchone(), strict=True)
        )
        of_case = "SELECT data_key FROM cases WHERE id = ?"
        key = key_ring().open(db.execute(of_case, (task["case_id"],)).fetchone()[0])
        payload = key.unseal(task["payload"], place=PAYLOAD, row=UUID(task["id"]))
        other = UUID("00000000-0000-7000-8000-000000000000")
        twin = {**task, "id": other.hex, "payload": key.seal(payload, place=PAYLOAD, row=other)}
        places = ", ".join("?" for _ in columns)
        db.execute(f"INSERT INTO task ({', '.join(columns)}) VALUES ({places})", tuple(twin.values()))


def result_lost(traces: Traces) -> None:
    traces.spoil(FILE, "UPDATE step SET said = NULL WHERE said IS NOT NULL")


def message_unheard(traces: Traces) -> None:
    traces.heard.pop(min(traces.heard))


def message_with_two_bodies(traces: Traces) -> None:
    traces.heard[min(traces.heard)].append("0")


def event_without_message(traces: Traces) -> None:
    traces.spoil(FILE, "DELETE FROM delivery WHERE seq = 1")


def message_parked(traces: Traces) -> None:
    traces.spoil(FILE, "UPDATE delivery SET state = 'pending', next_at = NULL WHERE seq = 1")


CONTROLS: dict[Callable[[Traces], None], str] = {
    promise_without_case: "nothing_lost",
    case_deleted: "nothing_lost",
    case_with_two_keys: "nothing_doubled",
    case_stored_twice: "nothing_doubled",
    another_case_when_asked_again: "nothing_doubled",
    case_unfinished: "everything_ends",
    step_forgotten: "nothing_stuck",
    effect_dropped: "effects_once",
    effect_doubled: "effects_once",
    task_never_came: "effects_once",
    body_changed: "one_meaning",
    key_with_two_bodies: "one_meaning",
    task_of_another_department: "own_tasks_only",
    event_changed: "record_is_whole",
    event_taken_out: "record_is_whole",
    lease_left: "no_work_left",
    callback_unsent: "no_work_left",
    step_handed_out_too_early: "in_order",
    join_fired_twice: "joins_fire_once",
    result_lost: "results_kept",
    message_unheard: "everybody_told",
    message_with_two_bodies: "everybody_told",
    event_without_message: "everybody_told",
    message_parked: "doctor_finds_nothing",
}


@pytest.mark.parametrize("control", CONTROLS, ids=lambda control: control.__name__)
async def test_what_was_spoilt_is_found(
    control: Callable[[Traces], None], unharmed: Traces, tmp_path: Path
) -> None:
    traces = unharmed.copy(tmp_path / "spoilt")
    control(traces)
    database = Database(f"sqlite:///{traces.folder / FILE}", ring=key_ring())
    try:
        found = violations(await gather(database, traces.folder, traces.ledger, traces.heard))
    finally:
        await database.close()
    assert CONTROLS[control] in {violation.invariant for violation in found}


def test_every_invariant_has_a_control() -> None:
    assert set(CONTROLS.values()) == set(CHECKS)
