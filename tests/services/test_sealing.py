"""The sealer: every event gets one leaf, whoever seals, however commits are ordered, wherever it ends."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from sqlalchemy import select

from onenet.clock import FrozenClock
from onenet.domain import note, tree
from onenet.domain.commands import RecordAnswer
from onenet.domain.outcome import Accepted, Completed
from onenet.errors import StaleWrite
from onenet.services import anchor as anchors
from onenet.services import log_key
from onenet.services.advance import Gate
from onenet.services.anchor import AnchorDiffers
from onenet.services.change import Change
from onenet.services.sealing import Sealing
from onenet.services.unsealed import Unsealed
from onenet.store import log as store_log
from onenet.store import log_tables, tables
from onenet.store.database import Database
from tests.domain.walk import begin
from tests.factories import ACTOR, Shelf, make_bundle, make_member, make_opening
from tests.services.sealed import RING, sealing
from tests.store.seeding import save_new

pytestmark = pytest.mark.anyio


async def leaves(database: Database) -> dict[int, tuple[UUID, int]]:
    """Which event each leaf is; no two are the same one."""
    async with database.read() as connection:
        found = (await connection.execute(select(log_tables.log_leaf))).all()
    placed = {run.leaf - back: (run.case_id, run.seq - back) for run in found for back in range(run.events)}
    assert len(placed) == sum(run.events for run in found)
    return placed


async def events(database: Database) -> dict[tuple[UUID, int], bytes]:
    async with database.read() as connection:
        c = tables.event.c
        found = await connection.execute(select(c.case_id, c.seq, c.hash))
        return {(row.case_id, row.seq): row.hash for row in found}


async def assert_all_sealed(database: Database) -> None:
    """Each event has one leaf, leaves are dense, and the newest checkpoint is signed over exactly them."""
    placed, hashes = await leaves(database), await events(database)
    assert sorted(placed) == list(range(len(hashes)))
    assert set(placed.values()) == set(hashes)
    async with database.read() as connection:
        newest, key = await store_log.newest(connection), await store_log.key(connection)
    assert newest is not None
    assert key is not None
    signed = note.read(newest)
    assert log_key.is_signed_by(signed, note.read_key(key.public))
    edge = tree.Edge()
    for leaf in sorted(placed):
        edge.append(tree.leaf_hash(hashes[placed[leaf]]))
    assert (signed.checkpoint.size, signed.checkpoint.root) == (edge.size, edge.root())


async def test_every_event_gets_one_leaf_and_a_signed_checkpoint(
    database: Database, clock: FrozenClock
) -> None:
    await save_new(database, [begin() for _ in range(300)])
    assert await sealing(database, clock).all() == len(await events(database))
    await assert_all_sealed(database)


async def test_a_look_through_all_cases_that_has_begun_goes_on_without_a_pause(
    database: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It takes sixteen rounds; waiting a minute for each, the last events would be sealed much too late."""
    walks = [begin() for _ in range(40)]
    await save_new(database, walks)
    sealer, stopping, times = sealing(database, clock), asyncio.Event(), iter([True])

    async def is_time(self: Sealing) -> bool:
        return next(times, False)

    monkeypatch.setattr(Sealing, "_is_time", is_time)
    running = asyncio.create_task(sealer.run(stopping))
    async with asyncio.timeout(30):
        while len(await leaves(database)) < sum(len(w.events) for w in walks):  # noqa: ASYNC110
            await asyncio.sleep(0.05)  # another connection is asked: nothing here could wake us
    stopping.set()
    await running
    await assert_all_sealed(database)


async def test_what_is_sealed_is_not_sealed_again(database: Database, clock: FrozenClock) -> None:
    await save_new(database, [begin() for _ in range(5)])
    sealer = sealing(database, clock)
    await sealer.all()
    assert await sealer.all() == 0
    assert await sealing(database, clock).all() == 0
    await assert_all_sealed(database)


async def test_a_case_that_a_process_told_of_is_sealed_without_a_look_at_the_others(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    bundle = shelf.put(make_bundle(make_member("a")))
    sealer, telling = sealing(database, clock), Unsealed(database, clock)
    await telling.tell()
    await sealer.all()
    gate.listen(telling.on_commit)
    await save_new(database, [begin()])  # nobody tells of it
    opened = await gate.submit(make_opening(bundle))
    await telling.tell()
    assert await sealer.round() is not None
    assert {case_id for case_id, _ in (await leaves(database)).values()} == {opened.case_id}


async def test_what_nobody_told_of_is_found_by_and_by(
    database: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a process that died between its commit and the telling, and was not started again."""
    sealer = sealing(database, clock)
    await sealer.all()
    await save_new(database, [begin() for _ in range(20)])
    monkeypatch.setattr("onenet.services.sealing.EVERY", timedelta(0))
    for _ in range(256):
        await sealer.round()
    await assert_all_sealed(database)


async def test_a_process_that_starts_asks_for_a_look_at_all_cases(
    database: Database, clock: FrozenClock
) -> None:
    sealer = sealing(database, clock)
    await sealer.all()
    await save_new(database, [begin() for _ in range(20)])
    await Unsealed(database, clock).tell()
    while (done := await sealer.round()) and done.has_more:
        pass
    await assert_all_sealed(database)


async def test_four_sealers_at_once_leave_no_event_out_and_double_none(
    database: Database, gate: Gate, shelf: Shelf, clock: FrozenClock
) -> None:
    bundle = shelf.put(make_bundle(make_member("a"), make_member("b", after=["a"])))
    telling = Unsealed(database, clock)
    gate.listen(telling.on_commit)
    done = asyncio.Event()

    async def seal() -> None:
        sealer = sealing(database, clock)
        while not done.is_set():
            try:
                await sealer.round(is_by_hand=True)
            except StaleWrite:
                await asyncio.sleep(0)

    sealers = [asyncio.create_task(seal()) for _ in range(4)]
    for _ in range(3):
        opened = await asyncio.gather(*(gate.submit(make_opening(bundle)) for _ in range(10)))
        await telling.tell()
        for result in opened:
            assert result.case is not None
            task_id = next(iter(result.case.tasks))
            for outcome in (Accepted(), Completed()):
                await gate.submit(Change(result.case.id, RecordAnswer(task_id, outcome), ACTOR))
        await telling.tell()
    done.set()
    await asyncio.gather(*sealers)
    await sealing(database, clock).all()
    await assert_all_sealed(database)


async def test_a_sealer_that_read_before_another_wrote_writes_nothing(
    database: Database, clock: FrozenClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The fence: without it both would write the same leaves."""
    await save_new(database, [begin() for _ in range(3)])
    late, quick = sealing(database, clock), sealing(database, clock)
    await quick.all()
    await save_new(database, [begin()])
    await Unsealed(database, clock).tell()
    write = Sealing._write

    async def overtaken(self: Sealing, gathered: object, signed: object) -> None:
        monkeypatch.setattr(Sealing, "_write", write)
        await quick.all()
        await write(self, gathered, signed)  # type: ignore[arg-type]

    monkeypatch.setattr(Sealing, "_write", overtaken)
    with pytest.raises(StaleWrite):
        await late.round(is_by_hand=True)
    await assert_all_sealed(database)


async def test_while_one_process_seals_the_others_leave_it_alone_until_its_lease_ends(
    database: Database, clock: FrozenClock
) -> None:
    first, second = sealing(database, clock), sealing(database, clock)
    await save_new(database, [begin()])
    await first.all()
    assert await second.round() is None
    clock.advance(timedelta(minutes=3))
    assert await second.round() is not None


async def test_an_event_after_a_gap_is_left_unsealed(database: Database, clock: FrozenClock) -> None:
    """Sealed, it would make a record with a hole in it look like one that was written so."""
    walk = begin(make_bundle(make_member("a")))
    walk.answer("a", Accepted())
    await save_new(database, [walk])
    async with database.transaction() as connection:
        await connection.execute(tables.event.delete().where(tables.event.c.seq == 2))
    await sealing(database, clock).all()
    assert [seq for _, seq in (await leaves(database)).values()] == [1]


async def test_the_log_has_one_key_however_many_ask_for_it(database: Database, clock: FrozenClock) -> None:
    async def ask() -> str | None:
        try:
            return (await log_key.public_key(database, RING, clock.now())).text()
        except StaleWrite:
            return None

    found = set(await asyncio.gather(*(ask() for _ in range(8)))) - {None}
    assert len(found) == 1


async def test_the_stored_key_is_sealed_and_opens_only_at_its_place(
    database: Database, clock: FrozenClock
) -> None:
    await log_key.public_key(database, RING, clock.now())
    async with database.read() as connection:
        row = await store_log.key(connection)
    assert row is not None
    signer = log_key.open_signer(row, RING)
    assert signer._key.private_bytes_raw() not in row.secret
    with pytest.raises(ValueError, match="sealed with another key"):
        log_key.open_signer(row._replace(origin="onenet/another"), RING)


# ---- the anchor


async def test_each_checkpoint_is_appended_to_the_anchor(
    database: Database, clock: FrozenClock, tmp_path: Path
) -> None:
    file = tmp_path / "anchor"
    sealer = sealing(database, clock, file)
    for _ in range(3):
        await save_new(database, [begin()])
        await sealer.all()
    kept = [line.signed.checkpoint.size for line in anchors.lines(file) if line.signed]
    async with database.read() as connection:
        assert kept == [
            note.read(text).checkpoint.size for text in await store_log.notes_after(connection, 0, 9)
        ]
    assert len(kept) == 3


async def test_a_checkpoint_that_did_not_reach_the_anchor_does_so_with_the_next(
    database: Database, clock: FrozenClock, tmp_path: Path
) -> None:
    await save_new(database, [begin()])
    await sealing(database, clock).all()  # no anchor yet
    await save_new(database, [begin()])
    await sealing(database, clock, tmp_path / "anchor").all()
    assert len(list(anchors.lines(tmp_path / "anchor"))) == 2


async def test_a_line_that_a_crash_cut_short_is_followed_by_the_whole_one(
    database: Database, clock: FrozenClock, tmp_path: Path
) -> None:
    file = tmp_path / "anchor"
    await save_new(database, [begin()])
    await sealing(database, clock, file).all()
    whole = file.read_bytes()
    for cut in (1, len(whole) // 2, len(whole) - 2):
        file.write_bytes(whole[:cut])
        await sealing(database, clock, file).all()
        assert file.read_bytes() == whole[:cut] + b"\n" + whole
        assert [line.signed is not None for line in anchors.lines(file)] == [True]


async def test_nothing_is_sealed_over_an_anchor_that_knows_a_later_log(
    database: Database, clock: FrozenClock, tmp_path: Path
) -> None:
    """A database that was put back to an earlier state would grow into another log than the one on record."""
    file = tmp_path / "anchor"
    await save_new(database, [begin()])
    await sealing(database, clock, file).all()
    async with database.transaction() as connection:
        for table in (log_tables.log_checkpoint, log_tables.log_leaf, log_tables.log_tile):
            await connection.execute(table.delete())
    with pytest.raises(AnchorDiffers, match="rolled back"):
        await sealing(database, clock, file).all()
    assert await leaves(database) == {}
