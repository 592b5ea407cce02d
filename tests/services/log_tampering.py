"""Ways to tamper with a sealed log, in the database and in the anchor, each with the reasons that are told.

The log: six cases with eight events each, sealed under three checkpoints (24, 40 and 48 events), all of
them in the anchor. The victim is the first case, leaves 0 to 7 in some order of cases.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

from sqlalchemy import Table, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.clock import FrozenClock
from onenet.domain import note, tree
from onenet.domain.note import Checkpoint, PublicKey
from onenet.ids import lane_of
from onenet.services import log_key
from onenet.services.log_key import Signer
from onenet.store import log as store_log
from onenet.store import log_tables as t
from onenet.store import tables
from onenet.store.database import Database
from onenet.store.events import NAMES, Event, row
from onenet.store.record import log_rows
from onenet.store.sealing import PRIVATE
from tests.factories import NOW
from tests.keys import key_ring
from tests.services.sealed import RING, sealing
from tests.services.tampering import LAST, NOISE, rehashed, victim
from tests.store.seeding import save_new

SIZES = (24, 40, 48)


@dataclass
class Log:
    """A sealed log: its victim, another case, its key, and the lines of its anchor."""

    victim: UUID
    other: UUID
    key: PublicKey
    anchor: list[str]


async def make_log(database: Database, clock: FrozenClock, folder: Path) -> Log:
    cases: list[UUID] = []
    file = folder / "anchor"
    for count in (3, 2, 1):
        walks = [victim() for _ in range(count)]
        await save_new(database, walks)
        cases += [walk.case.id for walk in walks]
        async with database.transaction() as connection:
            await store_log.tell(connection, cases, count, clock.now())
        await sealing(database, clock, file).round(is_by_hand=True)
    async with database.read() as connection:
        row = await store_log.key(connection)
    assert row is not None
    return Log(cases[0], cases[1], note.read_key(row.public), file.read_text().splitlines())


@dataclass
class Scene:
    """Where it happens. The act changes the rows on `connection`, or the lines of `anchor`, or the `key`."""

    connection: AsyncConnection
    log: Log
    anchor: list[str] = field(default_factory=list)
    key: PublicKey | None = None

    @property
    def of_victim(self) -> Any:
        return tables.event.c.case_id == self.log.victim

    async def event(self, seq: int) -> Event:
        statement = select(*(tables.event.c[name] for name in NAMES))
        row = (
            await self.connection.execute(statement.where(self.of_victim, tables.event.c.seq == seq))
        ).one()
        return Event(*row)

    async def change(self, table: Table, where: Any, **values: Any) -> None:
        await self.connection.execute(table.update().where(where).values(**values))

    async def drop(self, table: Table, *where: Any) -> None:
        await self.connection.execute(table.delete().where(*where))

    async def add(self, table: Table, **values: Any) -> None:
        await self.connection.execute(table.insert().values(**values))

    async def put(self, event: Event) -> None:
        """Writes over the event of this number."""
        await self.change(tables.event, self.of_victim & (tables.event.c.seq == event.seq), **row(event))

    async def rechain(self, seq: int, **changes: Any) -> None:
        """Writes an event anew, and every later one and the case's row so that all fits."""
        event = rehashed((await self.event(seq))._replace(**changes))
        await self.put(event)
        for later in range(seq + 1, LAST + 1):
            event = rehashed((await self.event(later))._replace(prev_hash=event.hash))
            await self.put(event)
        await self.change(tables.cases, tables.cases.c.id == self.log.victim, head_hash=event.hash)

    async def cut_tail(self, last: int) -> None:
        """The case ends with an earlier event, and its rows say so."""
        await self.drop(tables.event, self.of_victim, tables.event.c.seq > last)
        private = t.event_private.c
        await self.drop(t.event_private, private.case_id == self.log.victim, private.seq > last)
        head = (await self.event(last)).hash
        c = tables.cases
        await self.change(c, c.c.id == self.log.victim, seq=last, head_hash=head, state="accepted")
        s = tables.step.c
        await self.change(tables.step, (s.case_id == self.log.victim) & (s.code == "b"), state="waiting")
        await self.change(
            tables.step, (s.case_id == self.log.victim) & (s.code == "a"),
            state="accepted", waits_for="officer", wait_reason="offline", wait_refs="[]",
        )  # fmt: skip

    async def forget(self, *beside: Table) -> None:
        """Takes the whole case out."""
        for table in (*beside, t.event_private, tables.event, tables.timer, tables.task, tables.step,
                      tables.case_content, tables.case_number):  # fmt: skip
            await self.drop(table, table.c.case_id == self.log.victim)
        await self.drop(tables.cases, tables.cases.c.id == self.log.victim)

    async def notes(self) -> dict[int, str]:
        return dict((await log_rows(self.connection)).notes)

    async def set_note(self, size: int, text: str) -> None:
        await self.change(t.log_checkpoint, t.log_checkpoint.c.size == size, note=text)

    async def signer(self) -> Signer:
        row = await store_log.key(self.connection)
        assert row is not None
        return log_key.open_signer(row, RING)

    async def hashes(self) -> bytearray:
        return bytearray((await log_rows(self.connection)).tiles[0, 0])

    async def set_hashes(self, hashes: bytes | bytearray) -> None:
        await self.change(t.log_tile, t.log_tile.c.level == 0, hashes=bytes(hashes))

    async def place_of(self, seq: int) -> int:
        run = await store_log.run_of(self.connection, self.log.victim, seq)
        assert run is not None
        return run.leaf - run.seq + seq

    async def take_up(self) -> None:
        """Makes the stored leaf hashes those of the events, as they are now."""
        hashes = await self.hashes()
        for seq in range(1, LAST + 1):
            at = await self.place_of(seq) * 32
            hashes[at : at + 32] = tree.leaf_hash((await self.event(seq)).hash)
        await self.set_hashes(hashes)

    async def sign_all(self, signer: Signer) -> None:
        """Signs checkpoints over the leaf hashes as they are now."""
        hashes, edge = await self.hashes(), tree.Edge()
        for leaf in range(SIZES[-1]):
            edge.append(bytes(hashes[leaf * 32 : leaf * 32 + 32]))
            if edge.size in SIZES:
                at = NOW.isoformat(timespec="microseconds")
                checkpoint = Checkpoint(signer.public.origin, edge.size, edge.root(), at)
                await self.set_note(edge.size, signer.sign(checkpoint).text())


Act = Callable[[Scene], Awaitable[None]]


@dataclass(frozen=True)
class Tamper:
    """What is done, and the reasons that must be told: of the database, and of an export of it."""

    act: Act
    reasons: frozenset[str]
    of_export: frozenset[str] | None = None
    with_anchor: bool = False
    with_witness: bool = False


TAMPERINGS: dict[str, Tamper] = {}


def tampering(
    *reasons: str, of_export: tuple[str, ...] | None = None, anchor: bool = False, witness: bool = False
) -> Callable[[Act], Act]:
    def note_(act: Act) -> Act:
        exported = None if of_export is None else frozenset(of_export)
        TAMPERINGS[act.__name__] = Tamper(act, frozenset(reasons), exported, anchor, witness)
        return act

    return note_


# ---- events


def field_altered(name: str, **values: Any) -> None:
    async def act(s: Scene) -> None:
        await s.change(tables.event, s.of_victim & (tables.event.c.seq == 4), **values)

    TAMPERINGS[name] = Tamper(act, frozenset({"altered"}))


field_altered("type_altered", type="step.rejected")
field_altered("actor_altered", actor="nobody")
field_altered("moment_altered", at="2026-01-01T00:00:00.000000+00:00")
field_altered("data_altered", data='{"state":"rejected"}')
field_altered("step_of_event_altered", step="b")


@tampering("altered")
async def hash_altered(s: Scene) -> None:
    await s.change(tables.event, s.of_victim & (tables.event.c.seq == 4), hash=NOISE)


@tampering("removed")
async def event_removed(s: Scene) -> None:
    await s.drop(tables.event, s.of_victim, tables.event.c.seq == 4)


@tampering("inserted")
async def event_inserted(s: Scene) -> None:
    last = await s.event(LAST)
    event = rehashed(last._replace(seq=LAST + 1, prev_hash=last.hash))
    await s.add(tables.event, **row(event))


@tampering("altered")
async def events_swapped(s: Scene) -> None:
    four, five = await s.event(4), await s.event(5)
    await s.put(five._replace(seq=4))
    await s.put(four._replace(seq=5))


@tampering("rewritten")
async def suffix_chained_again(s: Scene) -> None:
    await s.rechain(4, actor="nobody")


@tampering("rewritten")
async def last_event_written_again(s: Scene) -> None:
    await s.rechain(LAST, actor="nobody")


@tampering("rewritten")
async def whole_history_written_again(s: Scene) -> None:
    await s.rechain(1, actor="clerk:hall/c-1 for app/s-1")


@tampering("removed")
async def tail_cut_with_the_rows_of_the_case(s: Scene) -> None:
    await s.cut_tail(5)


@tampering("case_removed")
async def case_removed_with_its_number(s: Scene) -> None:
    await s.forget()


@tampering("leaf_removed")
async def case_removed_with_its_leaves(s: Scene) -> None:
    await s.forget(t.log_leaf)


@tampering("lane_moved", "removed")
async def event_moved_to_another_lane(s: Scene) -> None:
    lane = (lane_of(s.log.victim) + 1) % 256
    await s.change(tables.event, s.of_victim & (tables.event.c.seq == 4), lane=lane)


# ---- rows beside them


@tampering("case_altered")
async def state_of_the_case_altered(s: Scene) -> None:
    await s.change(tables.cases, tables.cases.c.id == s.log.victim, state="rejected")


@tampering("case_altered")
async def last_hash_of_the_case_altered(s: Scene) -> None:
    await s.change(tables.cases, tables.cases.c.id == s.log.victim, head_hash=NOISE)


def row_altered(name: str, **values: Any) -> None:
    async def act(s: Scene) -> None:
        await s.change(tables.cases, tables.cases.c.id == s.log.victim, **values)

    # Of the row, only what it says of its history is in an export.
    TAMPERINGS[name] = Tamper(act, frozenset({"case_altered"}), frozenset())


row_altered("number_of_the_case_altered", number="32050020261123999999")
row_altered("bundle_of_the_case_altered", bundle_code="other")
row_altered("version_of_the_bundle_altered", bundle_version=9)
row_altered("jurisdiction_of_the_case_altered", jurisdiction="wujiang")
row_altered("receiving_counter_of_the_case_altered", receiving="wujiang")
row_altered("owner_of_the_case_altered", subject="s-2")
row_altered("front_end_of_the_case_altered", client="portal")


@tampering("step_altered", of_export=())
async def state_of_a_step_altered(s: Scene) -> None:
    c = tables.step.c
    await s.change(tables.step, (c.case_id == s.log.victim) & (c.code == "b"), state="accepted")


@tampering("step_altered", of_export=())
async def words_of_a_step_removed(s: Scene) -> None:
    c = tables.step.c
    await s.change(tables.step, (c.case_id == s.log.victim) & (c.code == "a"), said=None, opinion=None)


@tampering("private_inserted")
async def private_part_added(s: Scene) -> None:
    lane = lane_of(s.log.victim)
    await s.add(t.event_private, lane=lane, case_id=s.log.victim, seq=4, payload=NOISE.hex() + "{}")


async def _reseal_words(s: Scene, stored: str) -> None:
    """Writes other words in the place of the victim's, as one who has the keys."""
    c, p = tables.cases.c, t.event_private.c
    of_victim = p.case_id == s.log.victim
    data_key = await s.connection.scalar(select(c.data_key).where(c.id == s.log.victim))
    seq = await s.connection.scalar(select(p.seq).where(of_victim))
    key = key_ring().open(data_key or b"")
    payload = key.seal(stored, place=PRIVATE, row=f"{s.log.victim}/{seq}")
    await s.change(t.event_private, of_victim, payload=payload)


@tampering("private_altered")
async def other_words_in_a_private_part(s: Scene) -> None:
    await _reseal_words(s, "0" * 32 + '{"opinion":"denied"}')


@tampering("private_altered")
async def private_part_without_a_salt(s: Scene) -> None:
    await _reseal_words(s, "no salt at all")


@tampering("private_altered")
async def private_part_that_nobody_sealed(s: Scene) -> None:
    p = t.event_private
    await s.change(p, p.c.case_id == s.log.victim, payload="0" * 32 + '{"opinion":"denied"}')


# ---- leaves and tiles


def of_leaf(s: Scene) -> Any:
    return t.log_leaf.c.case_id == s.log.victim


@tampering("leaf_altered")
async def leaves_of_two_cases_swapped(s: Scene) -> None:
    found = await s.connection.execute(select(t.log_leaf.c.case_id, t.log_leaf.c.leaf))
    rows = {row.case_id: row.leaf for row in found}
    await s.change(t.log_leaf, of_leaf(s), leaf=rows[s.log.other])
    await s.change(t.log_leaf, t.log_leaf.c.case_id == s.log.other, leaf=rows[s.log.victim])


@tampering("leaf_removed")
async def leaf_removed(s: Scene) -> None:
    await s.drop(t.log_leaf, of_leaf(s))


@tampering("leaf_duplicated")
async def leaf_duplicated(s: Scene) -> None:
    leaf = await s.place_of(4)
    await s.add(t.log_leaf, lane=lane_of(s.log.victim), case_id=s.log.victim, seq=4, leaf=leaf, events=1)


@tampering("leaf_inserted", "leaf_removed")
async def leaf_moved_beyond_the_tree(s: Scene) -> None:
    await s.change(t.log_leaf, of_leaf(s), leaf=1_000_000)


@tampering("tile_altered")
async def stored_leaf_hash_altered(s: Scene) -> None:
    hashes = await s.hashes()
    hashes[await s.place_of(4) * 32] ^= 1
    await s.set_hashes(hashes)


@tampering("tree_altered")
async def event_and_stored_leaf_hash_written_again(s: Scene) -> None:
    await s.rechain(4, actor="nobody")
    await s.take_up()


@tampering("tree_cut", "leaf_inserted")
async def tiles_removed(s: Scene) -> None:
    await s.drop(t.log_tile)


@tampering("tree_cut", "leaf_inserted")
async def last_leaf_hash_removed(s: Scene) -> None:
    await s.set_hashes((await s.hashes())[:-32])


@tampering("tree_altered")
async def two_leaves_exchanged_with_their_hashes(s: Scene) -> None:
    one, two = await s.place_of(1), await s.place_of(1) + LAST if await s.place_of(1) < 16 else 0
    hashes = await s.hashes()
    first, second = hashes[one * 32 : one * 32 + 256], hashes[two * 32 : two * 32 + 256]
    hashes[one * 32 : one * 32 + 256], hashes[two * 32 : two * 32 + 256] = second, first
    await s.set_hashes(hashes)
    c = t.log_leaf.c
    await s.change(t.log_leaf, c.leaf == two + LAST - 1, leaf=999)
    await s.change(t.log_leaf, of_leaf(s), leaf=two + LAST - 1)
    await s.change(t.log_leaf, c.leaf == 999, leaf=one + LAST - 1)


# ---- checkpoints and keys


@tampering("checkpoint_altered")
async def root_of_a_checkpoint_altered(s: Scene) -> None:
    text = (await s.notes())[40]
    root = text.split("\n")[2]
    await s.set_note(40, text.replace(root, root[::-1].lstrip("=").ljust(44, "=")))


@tampering("checkpoint_altered")
async def moment_of_a_checkpoint_altered(s: Scene) -> None:
    text = (await s.notes())[40]
    await s.set_note(40, text.replace("\nat 20", "\nat 21"))


@tampering("checkpoint_altered")
async def checkpoint_says_another_size(s: Scene) -> None:
    await s.set_note(40, (await s.notes())[24])


@tampering("checkpoint_altered")
async def checkpoint_that_is_no_text_of_one(s: Scene) -> None:
    await s.set_note(40, "nothing")


@tampering("checkpoint_forged")
async def checkpoint_signed_by_another_key(s: Scene) -> None:
    checkpoint = note.read((await s.notes())[40]).checkpoint
    await s.set_note(40, log_key.new_signer(RING).sign(checkpoint).text())


@tampering("checkpoint_removed")
async def newest_checkpoint_removed(s: Scene) -> None:
    await s.drop(t.log_checkpoint, t.log_checkpoint.c.size == 48)


@tampering("checkpoint_removed", anchor=True)
async def checkpoint_removed_that_the_anchor_has(s: Scene) -> None:
    await s.drop(t.log_checkpoint, t.log_checkpoint.c.size == 40)


@tampering("rolled_back", anchor=True)
async def log_put_back_to_an_earlier_state(s: Scene) -> None:
    gone = select(t.log_leaf.c.case_id).where(t.log_leaf.c.leaf >= 40)
    for table in (t.event_private, tables.event, tables.timer, tables.task, tables.step, tables.case_content):
        await s.drop(table, table.c.case_id.in_(gone))
    await s.drop(tables.cases, tables.cases.c.id.in_(gone))
    await s.drop(t.log_leaf, t.log_leaf.c.leaf >= 40)
    await s.drop(t.log_checkpoint, t.log_checkpoint.c.size == 48)
    await s.set_hashes((await s.hashes())[: 40 * 32])


@tampering("split_view", anchor=True)
async def everything_written_again_by_who_has_the_key(s: Scene) -> None:
    await s.rechain(4, actor="nobody")
    await s.take_up()
    await s.sign_all(await s.signer())


@tampering("wrong_key", "checkpoint_forged")
async def everything_signed_again_with_another_key(s: Scene) -> None:
    s.key = s.log.key
    signer = log_key.new_signer(RING)
    await s.change(t.log_key, text("1 = 1"), origin=signer.public.origin, public=signer.public.text())
    await s.sign_all(signer)


@tampering("wrong_key")
async def log_of_another_city(s: Scene) -> None:
    """All is well with it, but it is not the one that was asked for; its checkpoints are nobody's known."""
    s.key = log_key.new_signer(RING).public
    await s.drop(t.log_checkpoint)
    await s.drop(t.log_leaf)
    await s.drop(t.log_tile)


@tampering("wrong_key", "checkpoint_forged")
async def key_altered(s: Scene) -> None:
    await s.change(t.log_key, text("1 = 1"), public=s.log.key.text()[:-4] + "AAA=")


# ---- the anchor


@tampering("anchor_altered", anchor=True)
async def line_of_the_anchor_altered(s: Scene) -> None:
    s.anchor[1] = s.anchor[1].replace("\\nat 20", "\\nat 21")


@tampering("anchor_cut", anchor=True)
async def line_of_the_anchor_removed(s: Scene) -> None:
    del s.anchor[1]


@tampering("anchor_altered", anchor=True)
async def lines_of_the_anchor_exchanged(s: Scene) -> None:
    s.anchor[0], s.anchor[1] = s.anchor[1], s.anchor[0]


@tampering("anchor_altered", anchor=True)
async def line_of_another_log_in_the_anchor(s: Scene) -> None:
    checkpoint = note.read(json.loads(s.anchor[1])).checkpoint
    s.anchor[1] = json.dumps(log_key.new_signer(RING).sign(checkpoint).text())


# ---- witnesses: the same lines, kept by somebody else


@tampering("forked", witness=True)
async def a_log_forked_behind_the_backs_of_its_witnesses(s: Scene) -> None:
    await everything_written_again_by_who_has_the_key(s)


@tampering("rolled_back", witness=True)
async def a_log_put_back_to_before_what_a_witness_saw(s: Scene) -> None:
    await log_put_back_to_an_earlier_state(s)


@tampering("witness_altered", witness=True)
async def a_copy_of_a_witness_altered(s: Scene) -> None:
    await line_of_the_anchor_altered(s)


NAMED: Mapping[str, Tamper] = TAMPERINGS
