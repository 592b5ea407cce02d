"""Ways to tamper with the record directly in the database, each with what the walk must tell of it.

The victim's history: 1 case.received, 2 step.dispatched (a), 3 step.waiting (b), 4 step.accepted (a),
5 case.accepted, 6 step.completed (a), 7 step.dispatched (b), 8 case.in_progress.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Connection, delete, insert, select, update

from onenet.domain.chain import event_hash
from onenet.domain.outcome import Accepted, Completed
from onenet.ids import lane_of
from onenet.store import log_tables, tables
from onenet.store.events import NAMES, Event
from tests.domain.walk import Walk, begin
from tests.factories import make_bundle, make_member

LAST = 8
Told = tuple[str, int | None, str | None]
"""Kind, number of the event, code of the step."""


@dataclass(frozen=True)
class Scene:
    """Where it happens: the victim's case, and an innocent one that is drawn into some of it."""

    connection: Connection
    victim: UUID
    other: UUID


@dataclass(frozen=True)
class Tamper:
    """What is done, and what must be told of the victim and of the other."""

    act: Callable[[Scene], None]
    told: tuple[Told, ...]
    of_other: tuple[Told, ...] = ()


def victim() -> Walk:
    """A case with the history above."""
    walk = begin(make_bundle(make_member("a"), make_member("b", department="bank", after=["a"])))
    walk.answer("a", Accepted())
    walk.answer("a", Completed(opinion="granted"))
    assert walk.case.seq == LAST
    return walk


# ---- the tools of whoever may write to the database


def read(scene: Scene, seq: int) -> Event:
    e = tables.event.c
    row = scene.connection.execute(
        select(tables.event).where(e.case_id == scene.victim, e.seq == seq)
    ).mappings().one()  # fmt: skip
    return Event(**{name: row[name] for name in NAMES})


def rehashed(event: Event) -> Event:
    """The event with the hash that its fields give now."""
    true_hash = event_hash(
        event.prev_hash, case_id=event.case_id, seq=event.seq, type=event.type, step=event.step,
        actor=event.actor, at=event.at, data=event.data,
    )  # fmt: skip
    return event._replace(hash=true_hash)


def values(event: Event) -> dict[str, Any]:
    return {name: getattr(event, name) for name in NAMES}


def write(scene: Scene, event: Event) -> None:
    scene.connection.execute(insert(tables.event).values(lane=lane_of(event.case_id), **values(event)))


def drop(scene: Scene, *seqs: int) -> None:
    e = tables.event.c
    scene.connection.execute(delete(tables.event).where(e.case_id == scene.victim, e.seq.in_(seqs)))
    p = log_tables.event_private.c
    scene.connection.execute(
        delete(log_tables.event_private).where(p.case_id == scene.victim, p.seq.in_(seqs))
    )


def change(seq: int, /, **fields: Any) -> Callable[[Scene], None]:
    """Writes over fields of an event, and over nothing else."""

    def act(scene: Scene) -> None:
        e = tables.event.c
        scene.connection.execute(
            update(tables.event).where(e.case_id == scene.victim, e.seq == seq).values(**fields)
        )

    return act


def rewrite(seq: int, /, **fields: Any) -> Callable[[Scene], None]:
    """The same, with a hash that fits."""

    def act(scene: Scene) -> None:
        event = rehashed(read(scene, seq)._replace(**fields))
        change(seq, **values(event))(scene)

    return act


def remove(*seqs: int) -> Callable[[Scene], None]:
    return lambda scene: drop(scene, *seqs)


def swap(one: int, two: int) -> Callable[[Scene], None]:
    def act(scene: Scene) -> None:
        first, second = read(scene, one), read(scene, two)
        drop(scene, one, two)
        write(scene, first._replace(seq=two))
        write(scene, second._replace(seq=one))

    return act


def insert_at_end(scene: Scene) -> None:
    last = read(scene, LAST)
    write(scene, rehashed(last._replace(seq=LAST + 1, prev_hash=last.hash)))


def copy_to_end(scene: Scene) -> None:
    write(scene, read(scene, LAST)._replace(seq=LAST + 1))


def insert_before_the_beginning(scene: Scene) -> None:
    write(scene, rehashed(read(scene, 1)._replace(seq=0)))


def insert_in_the_middle(scene: Scene) -> None:
    """Event 4 is new, and all from there on move up by one."""
    for seq in range(LAST, 3, -1):
        change(seq, seq=seq + 1)(scene)
    before = read(scene, 3)
    write(scene, rehashed(before._replace(seq=4, prev_hash=before.hash)))


def move_to_another_case(seq: int) -> Callable[[Scene], None]:
    def act(scene: Scene) -> None:
        event = read(scene, seq)
        drop(scene, seq)
        write(scene, event._replace(case_id=scene.other, seq=LAST + 1))

    return act


def change_case(**fields: Any) -> Callable[[Scene], None]:
    def act(scene: Scene) -> None:
        c = tables.cases
        scene.connection.execute(update(c).where(c.c.id == scene.victim).values(**fields))

    return act


def change_step(code: str = "b", /, **fields: Any) -> Callable[[Scene], None]:
    def act(scene: Scene) -> None:
        s = tables.step
        scene.connection.execute(
            update(s).where(s.c.case_id == scene.victim, s.c.code == code).values(**fields)
        )

    return act


def remove_step(scene: Scene) -> None:
    s = tables.step
    scene.connection.execute(delete(s).where(s.c.case_id == scene.victim, s.c.code == "b"))


def remove_case(scene: Scene) -> None:
    scene.connection.execute(delete(tables.cases).where(tables.cases.c.id == scene.victim))


def remove_everything(scene: Scene) -> None:
    """All that hangs on the case; its number, in a table of its own, is forgotten."""
    for table in (
        log_tables.event_private,
        tables.event,
        tables.timer,
        tables.task,
        tables.step,
        tables.case_content,
    ):
        scene.connection.execute(delete(table).where(table.c.case_id == scene.victim))
    remove_case(scene)


def altered(*seqs: int) -> tuple[Told, ...]:
    return tuple(("altered", seq, None) for seq in seqs)


def removed(*seqs: int) -> tuple[Told, ...]:
    return tuple(("removed", seq, None) for seq in seqs)


NOISE = bytes(range(32))
LANE_MOVED = ("lane_moved", 4, None)
TAMPERINGS: Mapping[str, Tamper] = {
    "type": Tamper(change(4, type="step.rejected"), altered(4)),
    "step": Tamper(change(4, step="b"), altered(4)),
    "step taken away": Tamper(change(4, step=None), altered(4)),
    "actor": Tamper(change(4, actor="system:worker"), altered(4)),
    "moment": Tamper(change(4, at="2026-11-22T01:00:00.000000+00:00"), altered(4)),
    "data": Tamper(change(4, data='{"state":"rejected"}'), altered(4)),
    "one space in the data": Tamper(change(3, data='{"state": "waiting"}'), altered(3)),
    "hash": Tamper(change(4, hash=NOISE), altered(4)),
    "previous hash": Tamper(change(4, prev_hash=NOISE), altered(4)),
    "lane": Tamper(lambda s: change(4, lane=(lane_of(s.victim) + 1) % 256)(s), (LANE_MOVED, *removed(4))),
    "lane to one before": Tamper(
        lambda s: change(4, lane=(lane_of(s.victim) - 1) % 256)(s), (LANE_MOVED, *removed(4))
    ),
    "data of the first": Tamper(change(1, data="{}"), altered(1)),
    "previous hash of the first": Tamper(change(1, prev_hash=NOISE), altered(1)),
    "hash of the first": Tamper(change(1, hash=NOISE), altered(1)),
    "data of the last": Tamper(change(LAST, data='{"state":1}'), altered(LAST)),
    "previous hash of the last": Tamper(change(LAST, prev_hash=NOISE), altered(LAST)),
    "hash of the last": Tamper(change(LAST, hash=NOISE), altered(LAST)),
    "rewritten with a hash that fits": Tamper(rewrite(4, actor="nobody"), altered(4)),
    "first rewritten with a hash that fits": Tamper(rewrite(1, actor="nobody"), altered(1)),
    "last rewritten with a hash that fits": Tamper(
        rewrite(LAST, actor="nobody"), (("case_altered", LAST, None),)
    ),
    "pointed elsewhere with a hash that fits": Tamper(rewrite(4, prev_hash=NOISE), altered(4)),
    "first pointed elsewhere with a hash that fits": Tamper(rewrite(1, prev_hash=NOISE), altered(1)),
    "first removed": Tamper(remove(1), removed(1)),
    "middle removed": Tamper(remove(4), removed(4)),
    "last removed": Tamper(remove(LAST), removed(LAST)),
    "two removed": Tamper(remove(4, 5), removed(4, 5)),
    "tail removed": Tamper(remove(6, 7, 8), removed(6, 7, 8)),
    "all removed": Tamper(remove(*range(1, LAST + 1)), removed(1)),
    "inserted at the end": Tamper(insert_at_end, (("inserted", LAST + 1, None),)),
    "last copied to the end": Tamper(copy_to_end, (("inserted", LAST + 1, None),)),
    "inserted before the beginning": Tamper(insert_before_the_beginning, (("inserted", 0, None),)),
    "inserted in the middle": Tamper(
        insert_in_the_middle, (*altered(4, 5, 6, 7, 8), ("inserted", LAST + 1, None))
    ),
    "two neighbours swapped": Tamper(swap(4, 5), altered(4, 5)),
    "two apart swapped": Tamper(swap(3, 7), altered(3, 7)),
    "last swapped": Tamper(swap(6, LAST), altered(6, LAST)),
    "moved to another case": Tamper(
        move_to_another_case(5), removed(5), of_other=(("inserted", LAST + 1, None),)
    ),
    "last moved to another case": Tamper(
        move_to_another_case(LAST), removed(LAST), of_other=(("inserted", LAST + 1, None),)
    ),
    "owner of the case": Tamper(change_case(subject="s-2"), (("case_altered", 1, None),)),
    "owner and state of the case": Tamper(
        change_case(subject="s-2", state="completed"),
        (("case_altered", 1, None), ("case_altered", None, None)),
    ),
    "state of the case": Tamper(change_case(state="completed"), (("case_altered", None, None),)),
    "last number of the case lowered": Tamper(change_case(seq=5), (("case_altered", 5, None),)),
    "last number of the case raised": Tamper(change_case(seq=11), (("case_altered", 11, None),)),
    "last hash of the case": Tamper(change_case(head_hash=NOISE), (("case_altered", LAST, None),)),
    "state of a step": Tamper(change_step(state="accepted"), (("step_altered", None, "b"),)),
    "words of a step": Tamper(change_step("a", said=None), (("step_altered", None, "a"),)),
    "step removed": Tamper(remove_step, (("step_altered", None, "b"),)),
    "step renamed": Tamper(change_step(code="c"), (("step_altered", None, "b"), ("step_altered", None, "c"))),
    "case removed": Tamper(remove_case, (("case_removed", None, None),)),
    "case removed with everything": Tamper(remove_everything, (("case_removed", None, None),)),
}
