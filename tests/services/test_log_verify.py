"""F19: every tampering with the log is refused for its own reason, from the database and from an export.

A clean log raises no alarm.
"""

from __future__ import annotations

import hashlib
import io
import json
import random
from base64 import b64encode
from dataclasses import replace
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.clock import FrozenClock
from onenet.services import anchor as anchors
from onenet.services import log_export, record
from onenet.services.elsewhere import Kept
from onenet.services.log_import import verify_export
from onenet.services.record import Verdict
from onenet.services.tampering import REASONS
from onenet.store import log as store_log
from onenet.store import tables
from onenet.store.database import Database
from tests.domain.histories import blank, perform, random_acts, start
from tests.services.log_tampering import TAMPERINGS, Log, Scene, Tamper, make_log
from tests.services.sealed import sealing
from tests.store.seeding import save_new
from tests.store.test_cases import BUNDLE
from tests.test_docs import table

pytestmark = pytest.mark.anyio

BIT_FLIPS = 500


def reasons(verdict: Verdict) -> set[str]:
    return {tampering.kind for tampering in verdict.tamperings}


async def exported(connection: AsyncConnection, database: Database, **which: object) -> bytes:
    file = io.BytesIO()
    await log_export.write_from(connection, database, file, with_private=True, **which)  # type: ignore[arg-type]
    return file.getvalue()


class Undone(Exception):
    """Takes a tampering back."""


async def told(database: Database, log: Log, tamper: Tamper, folder: Path) -> tuple[set[str], set[str]]:
    """The reasons told of the database and of an export, after the tampering; it is undone."""
    file = folder / "kept"
    of_database, of_export = set[str](), set[str]()
    try:
        async with database.transaction() as connection:
            if database.backend == "postgresql":  # who may tamper may also switch the foreign keys off
                await connection.execute(text("SET LOCAL session_replication_role = replica"))
            else:
                await connection.execute(text("PRAGMA defer_foreign_keys = ON"))
            scene = Scene(connection, log, list(log.anchor))
            await tamper.act(scene)
            file.write_text("".join(f"{line}\n" for line in scene.anchor))
            kept = Kept(
                scene.key,
                list(anchors.lines(file)) if tamper.with_anchor else (),
                anchors.copies(file) if tamper.with_witness else (),
            )
            of_database = reasons(await record.examine(connection, database, kept))
            lines = (await exported(connection, database)).splitlines(keepends=True)
            of_export = reasons(verify_export(lines, kept))
            raise Undone  # noqa: TRY301  # rolls back
    except Undone:
        return of_database, of_export


async def test_each_tampering_is_refused_for_its_own_reason(
    database: Database, clock: FrozenClock, tmp_path: Path
) -> None:
    log = await make_log(database, clock, tmp_path)
    wrong = {}
    for name, tamper in TAMPERINGS.items():
        of_database, of_export = await told(database, log, tamper, tmp_path)
        expected = tamper.reasons if tamper.of_export is None else tamper.of_export
        if of_database != set(tamper.reasons) or of_export != set(expected):
            wrong[name] = (of_database, of_export)
    assert wrong == {}
    assert len(TAMPERINGS) >= 25
    assert reasons(await record.verify(database, Kept(log.key))) == set()


async def test_a_forked_log_is_caught_only_by_those_who_kept_something(
    database: Database, clock: FrozenClock, tmp_path: Path
) -> None:
    """Whoever has the database and the key can make all of it fit, but for what is elsewhere."""
    log = await make_log(database, clock, tmp_path)
    fork = TAMPERINGS["a_log_forked_behind_the_backs_of_its_witnesses"]
    assert await told(database, log, replace(fork, with_witness=False), tmp_path) == (set(), set())
    assert await told(database, log, fork, tmp_path) == ({"forked"}, {"forked"})


async def test_copies_that_witnesses_kept_of_a_sound_log_are_in_it(
    database: Database, clock: FrozenClock, tmp_path: Path
) -> None:
    """In base64 as departments get them, in any order; of one case only the newest can be compared."""
    log = await make_log(database, clock, tmp_path)
    file = tmp_path / "copies"
    copies = [b64encode(json.loads(line).encode()).decode() for line in log.anchor]
    file.write_text("\n".join([*reversed(copies), "", log.anchor[0]]))
    kept = Kept(log.key, witnesses=anchors.copies(file))
    verdict = await record.verify(database, kept)
    assert (verdict.tamperings, verdict.witnessed) == ((), 4)
    async with database.read() as connection:
        whole, alone = (
            await exported(connection, database),
            await exported(connection, database, case_id=log.victim),
        )
    for lines, witnessed in ((whole, 4), (alone, 1)):
        verdict = verify_export(lines.splitlines(keepends=True), kept)
        assert (verdict.tamperings, verdict.witnessed) == ((), witnessed)


async def test_every_reason_that_a_database_can_give_has_a_tampering() -> None:
    of_files = {"proof_altered", "export_malformed", "export_cut", "export_damaged"}
    of_stamps = {reason for reason in REASONS if reason.startswith("stamp_")}  # test_stamping.py has these
    assert {reason for tamper in TAMPERINGS.values() for reason in tamper.reasons} == (
        set(REASONS) - of_files - of_stamps
    )


def test_every_reason_is_documented() -> None:
    documented = table("docs/administrators.md", "reasons")
    assert {reason: cells[0] for reason, cells in documented.items()} == REASONS


async def clean(database: Database, clock: FrozenClock, seed: int) -> int:
    """A log of some cases with random histories, sealed now and then; gives how many events there are."""
    chance = random.Random(seed)
    sealer, events = sealing(database, clock), 0
    for _ in range(chance.randint(1, 3)):
        walk = start(blank(BUNDLE, small=True))
        for act in random_acts(chance.randrange(1_000), 8):
            perform(walk, act)
        events += len(walk.events)
        await save_new(database, [walk])
        if chance.random() < 0.8:
            async with database.transaction() as connection:
                await store_log.tell(connection, [walk.case.id], 1, clock.now())
            await sealer.round(is_by_hand=True)
    return events


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_hundred_clean_logs_raise_no_alarm(database: Database, clock: FrozenClock) -> None:
    """Each is told by its database and by its export."""
    sealed = checkpoints = 0
    for seed in range(100):
        async with database.transaction() as connection:
            for table in reversed(tables.metadata.sorted_tables):
                await connection.execute(table.delete())
        events = await clean(database, clock, seed)
        verdict = await record.verify(database)
        assert (verdict.tamperings, verdict.events) == ((), events)
        async with database.read() as connection:
            lines = (await exported(connection, database)).splitlines(keepends=True)
        again = verify_export(lines)
        assert (again.tamperings, again.events, again.sealed) == ((), events, verdict.sealed)
        sealed, checkpoints = sealed + verdict.sealed, checkpoints + verdict.checkpoints
    assert sealed > 500
    assert checkpoints > 100


# ---- the export as a file


@pytest.fixture
async def export(database: Database, clock: FrozenClock, tmp_path: Path) -> bytes:
    await make_log(database, clock, tmp_path)
    async with database.read() as connection:
        return await exported(connection, database)


def flipped(whole: bytes, place: int) -> bytes:
    changed = bytearray(whole)
    changed[place // 8] ^= 1 << place % 8
    return bytes(changed)


def with_its_digest(lines: list[bytes]) -> list[bytes]:
    """The lines before the last, and a last line that fits them: as somebody does who knows the form."""
    kept = lines[:-1]
    return [*kept, log_export.line("end", lines=len(kept), sha256=hashlib.sha256(b"".join(kept)).hexdigest())]


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_any_bit_that_flips_is_detected_even_when_the_digest_is_made_to_fit(export: bytes) -> None:
    chance = random.Random(19)
    end = export.rindex(b"\n", 0, -1) + 1
    unseen = []
    for _ in range(BIT_FLIPS):
        place = chance.randrange(len(export) * 8)
        lines = flipped(export, place).splitlines(keepends=True)
        if place // 8 < end:
            lines = with_its_digest(lines)
        if not verify_export(lines).tamperings:
            unseen.append(place)
    assert unseen == []
    assert verify_export(export.splitlines(keepends=True)).tamperings == ()


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_what_is_done_to_the_file_is_told_for_its_own_reason(export: bytes) -> None:
    lines = export.splitlines(keepends=True)
    leaf = next(number for number, line in enumerate(lines) if line.startswith(b'{"leaf"'))
    without_leaf = lines[:leaf] + lines[leaf + 1 :]
    assert reasons(verify_export(lines[:-1])) == {"export_cut"}
    assert "export_cut" in reasons(verify_export(lines[: len(lines) // 2]))
    assert "export_malformed" in reasons(verify_export([*lines[:3], b"no JSON\n", *lines[3:]]))
    assert reasons(verify_export(with_its_digest(without_leaf))) == {"leaf_removed"}
    assert "export_cut" in reasons(verify_export(without_leaf))
    assert "export_malformed" in reasons(verify_export([*lines, lines[-1]]))
    newer = lines[0].replace(b'"version":1', b'"version":2')
    assert "export_malformed" in reasons(verify_export([newer, *lines[1:]]))
    other = lines[-1].replace(b'"sha256":"', b'"sha256":"0')[:-4] + b'"}}\n'
    assert reasons(verify_export([*lines[:-1], other])) == {"export_damaged"}
    assert "export_cut" in reasons(verify_export([]))


async def test_the_export_of_one_case_proves_its_events_without_the_others(
    database: Database, clock: FrozenClock, tmp_path: Path
) -> None:
    log = await make_log(database, clock, tmp_path)
    async with database.read() as connection:
        whole = await exported(connection, database, case_id=log.victim)
    lines = whole.splitlines(keepends=True)
    verdict = verify_export(lines, Kept(log.key))
    assert (verdict.tamperings, verdict.events, verdict.sealed) == ((), 8, 8)
    assert str(log.other).encode() not in whole
    proof = next(number for number, line in enumerate(lines) if line.startswith(b'{"proof"'))
    assert reasons(verify_export(with_its_digest(lines[:proof] + lines[proof + 1 :]))) == {"proof_altered"}
