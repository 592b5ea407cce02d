"""Time stamps: asked for hourly, kept, and judged offline by whoever has the authority's certificate."""

from __future__ import annotations

import asyncio
import random
from base64 import b64encode
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from pydantic import ValidationError
from sqlalchemy import select

from onenet import bootstrap
from onenet.adapters.stamps import Authority
from onenet.clock import FrozenClock
from onenet.domain.commands import Withdraw
from onenet.errors import MisconfiguredError, Unavailable
from onenet.services import doctor, log_export, record, sealing
from onenet.services.advance import Gate
from onenet.services.change import Change
from onenet.services.doctor import Clocks
from onenet.services.elsewhere import Kept
from onenet.services.log_import import verify_export
from onenet.services.stamping import Stamping
from onenet.settings import Settings
from onenet.store.database import Database
from onenet.store.log_tables import log_checkpoint, log_stamp
from tests.adapters.loopback import loopback
from tests.domain.walk import begin
from tests.factories import Shelf, make_bundle, make_opening
from tests.services.authority import Reply, TimeAuthority, make_authority, needs_openssl, open_for_queries
from tests.services.sealed import sealing as sealer
from tests.services.test_log_verify import exported, with_its_digest
from tests.store.seeding import save_new

pytestmark = [pytest.mark.anyio, needs_openssl]

HOUR = timedelta(hours=1)


@pytest.fixture
def authority(tmp_path: Path) -> TimeAuthority:
    return make_authority(tmp_path / "authority")


async def seal_one_more(database: Database, clock: FrozenClock) -> None:
    """Another case, and a checkpoint over it."""
    await save_new(database, [begin()])
    await sealer(database, clock).all()


async def stamp(database: Database, clock: FrozenClock, by: TimeAuthority, reply: Reply | None = None) -> int:
    """Has the newest checkpoint stamped, if it is time; gives how often the authority was asked."""
    async with open_for_queries(reply or by.reply) as running:
        await Stamping(database, clock, Authority.read(by.root), running.url, HOUR).look()
        return len(running.heard)


async def stamps(database: Database) -> dict[int, bytes]:
    async with database.read() as connection:
        return {row.size: row.reply for row in await connection.execute(select(log_stamp))}


async def notes(database: Database) -> dict[int, bytes]:
    async with database.read() as connection:
        return {row.size: row.note.encode() for row in await connection.execute(select(log_checkpoint))}


async def judged(database: Database, by: TimeAuthority | None) -> tuple[record.Verdict, record.Verdict]:
    """The verdicts on the database and on its export."""
    kept = Kept(authority=Authority.read(by.root) if by else None)
    async with database.read() as connection:
        lines = (await exported(connection, database)).splitlines(keepends=True)
    return await record.verify(database, kept), verify_export(lines, kept)


async def test_a_stamp_is_kept_with_its_checkpoint_and_openssl_approves_of_it(
    database: Database, clock: FrozenClock, authority: TimeAuthority
) -> None:
    await seal_one_more(database, clock)
    assert await stamp(database, clock, authority) == 1
    ((size, reply),) = (await stamps(database)).items()
    assert authority.approves(reply, (await notes(database))[size])
    for verdict in await judged(database, authority):
        assert (verdict.tamperings, verdict.stamped.stamps, verdict.stamped.size) == ((), 1, size)
        assert isinstance(verdict.stamped.at, datetime)


async def test_an_authority_is_asked_once_an_hour_and_only_for_something_new(
    database: Database, clock: FrozenClock, authority: TimeAuthority
) -> None:
    await seal_one_more(database, clock)
    asked = [await stamp(database, clock, authority) for _ in range(2)]
    clock.advance(HOUR)
    asked.append(await stamp(database, clock, authority))
    await seal_one_more(database, clock)
    asked.append(await stamp(database, clock, authority))
    clock.advance(HOUR / 2)
    await seal_one_more(database, clock)
    asked.append(await stamp(database, clock, authority))
    assert asked == [1, 0, 0, 1, 0]
    (verdict, of_export) = await judged(database, authority)
    assert (verdict.tamperings, verdict.checkpoints, verdict.stamped.stamps) == ((), 3, 2)
    assert of_export.stamped == verdict.stamped


async def test_an_authority_that_is_away_is_asked_again_and_told_of_after_an_hour(
    database: Database, clock: FrozenClock, authority: TimeAuthority
) -> None:
    await seal_one_more(database, clock)

    async def told() -> list[str]:
        return [each.level for each in await doctor.stamps(database, Clocks(clock, clock), HOUR)]

    async with loopback(b"") as nobody:
        away = nobody.url
    stamping = Stamping(database, clock, Authority.read(authority.root), away, HOUR)
    await stamping.look()
    assert await told() == ["ok"]
    clock.advance(HOUR)
    await stamping.look()
    assert await told() == ["finding"]
    assert (await judged(database, authority))[0].tamperings == ()
    assert await stamp(database, clock, authority) == 1
    assert await told() == ["ok"]


async def test_an_answer_that_proves_nothing_is_not_kept(
    database: Database, clock: FrozenClock, authority: TimeAuthority, tmp_path: Path
) -> None:
    await seal_one_more(database, clock)
    heard: list[bytes] = []

    def listens(query: bytes) -> bytes:
        heard.append(query)
        return b""

    assert await stamp(database, clock, authority, listens) == 1
    foreign = make_authority(tmp_path / "foreign")
    replies: list[Reply] = [
        lambda query: b"nothing",
        lambda query: b"\x30" * 70_000,
        lambda query: bytes.fromhex("30053003020102"),  # the authority says no
        foreign.reply,
        lambda query: authority.reply(heard[0]),  # the same text, asked for at another time
    ]
    for reply in replies:
        assert await stamp(database, clock, authority, reply) == 1
    assert await stamps(database) == {}


async def test_where_it_is_wished_a_stamp_that_is_too_late_lets_no_new_case_in(
    database: Database, clock: FrozenClock, authority: TimeAuthority, gate: Gate, shelf: Shelf
) -> None:
    """What is under way goes on: the law's clocks do not stop for a time stamp."""
    bundle = shelf.put(make_bundle())
    opened = await gate.submit(make_opening(bundle))
    stamping = Stamping(database, clock, Authority.read(authority.root), "http://127.0.0.1:1", HOUR)
    await seal_one_more(database, clock)
    clock.advance(2 * HOUR)
    await stamping.close_if_late(gate, 3 * HOUR)
    await gate.submit(make_opening(bundle))
    clock.advance(2 * HOUR)
    await stamping.close_if_late(gate, 3 * HOUR)
    with pytest.raises(Unavailable, match="time stamp"):
        await gate.submit(make_opening(bundle))
    assert opened.case is not None
    await gate.submit(Change(opened.case.id, Withdraw(), "frontend:app"))
    await stamp(database, clock, authority)
    await stamping.close_if_late(gate, 3 * HOUR)
    await gate.submit(make_opening(bundle))


Tamper = Callable[[dict[int, bytes], dict[int, bytes]], None]


def moved(kept: dict[int, bytes], others: dict[int, bytes]) -> None:
    """Two stamps stand beside one another's checkpoints."""
    (one, first), (two, second) = kept.items()
    kept |= {one: second, two: first}


def altered(kept: dict[int, bytes], others: dict[int, bytes]) -> None:
    """The moment in a stamp is another one."""
    size = min(kept)
    kept[size] = kept[size].replace(b"\x18\x0f202", b"\x18\x0f201")


def of_another_authority(kept: dict[int, bytes], others: dict[int, bytes]) -> None:
    kept |= others


def cut(kept: dict[int, bytes], others: dict[int, bytes]) -> None:
    kept[min(kept)] = kept[min(kept)][:-1]


def without_its_checkpoint(kept: dict[int, bytes], others: dict[int, bytes]) -> None:
    kept[min(kept) + 1] = kept[min(kept)]


def missing(kept: dict[int, bytes], others: dict[int, bytes]) -> None:
    kept.clear()


TAMPERED: dict[Tamper, set[str]] = {
    moved: {"stamp_misplaced"},
    altered: {"stamp_altered"},
    cut: {"stamp_altered"},
    of_another_authority: {"stamp_foreign"},
    without_its_checkpoint: {"checkpoint_removed"},
    missing: set(),
}


async def put(database: Database, kept: dict[int, bytes], at: datetime) -> None:
    async with database.transaction() as connection:
        await connection.execute(log_stamp.delete())
        for size, reply in kept.items():
            await connection.execute(log_stamp.insert().values(size=size, reply=reply, created_at=at))


async def test_each_tampering_with_stamps_is_told_for_its_own_reason(
    database: Database, clock: FrozenClock, authority: TimeAuthority, tmp_path: Path
) -> None:
    foreign, by = make_authority(tmp_path / "foreign"), dict[int, bytes]()
    for _ in range(2):
        await seal_one_more(database, clock)
        clock.advance(HOUR)
        await stamp(database, clock, authority)
    kept = await stamps(database)
    async with open_for_queries(foreign.reply) as running:
        for size, text in (await notes(database)).items():
            by[size] = await Authority.read(foreign.root).stamp(running.url, text)
    for tamper, reasons in TAMPERED.items():
        tampered = dict(kept)
        tamper(tampered, by)
        await put(database, tampered, clock.now())
        for verdict in await judged(database, authority):
            assert {each.kind for each in verdict.tamperings} == reasons, tamper.__name__
    await put(database, kept, clock.now())
    for verdict in await judged(database, None):
        assert (verdict.tamperings, verdict.stamped.not_judged) == ((), 2)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_no_bit_of_a_stamp_that_flips_lets_it_say_something_else(
    database: Database, clock: FrozenClock, authority: TimeAuthority
) -> None:
    """Some bits of it nobody signed, as the number of its form: those change nothing that it says."""
    await seal_one_more(database, clock)
    await stamp(database, clock, authority)
    ((size, reply),) = (await stamps(database)).items()
    (before, _), chance, said = await judged(database, authority), random.Random(19), set()
    async with database.read() as connection:
        lines = (await exported(connection, database)).splitlines(keepends=True)
    for place in chance.sample(range(len(reply) * 8), 300):
        changed = bytearray(reply)
        changed[place // 8] ^= 1 << place % 8
        again = log_export.line("stamp", size=size, reply=b64encode(changed).decode())
        verdict = verify_export(
            with_its_digest([*lines[:-2], again, lines[-1]]), Kept(authority=Authority.read(authority.root))
        )
        said.add(verdict.stamped if not verdict.tamperings else None)
    assert None in said
    assert said <= {None, before.stamped}


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
async def test_a_worker_with_an_authority_in_its_settings_has_its_checkpoints_stamped(
    database: Database, database_url: str, authority: TimeAuthority, tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    monkeypatch.setattr(sealing, "EVERY", timedelta(0))
    await save_new(database, [begin()])
    stopping = asyncio.Event()
    async with open_for_queries(authority.reply) as running:
        settings = Settings(
            database_url=database_url,
            data_dir=tmp_path,
            stamp_url=running.url,
            stamp_certificates=authority.root,
        )
        async with bootstrap.process(settings) as made:
            task = asyncio.create_task(made.sealing.run(stopping))
            async with asyncio.timeout(20):
                while not await stamps(database):  # noqa: ASYNC110  # another process has no event
                    await asyncio.sleep(0.02)  # nothing here could wake us
            stopping.set()
            await task
    (verdict, _) = await judged(database, authority)
    assert (verdict.tamperings, verdict.stamped.size) == ((), verdict.events)


@pytest.mark.parametrize(
    ("pem", "said"),
    [("nothing", "expected certificates in PEM"), ("signer", "the authority's root is missing")],
)
def test_certificates_that_lead_nowhere_are_refused(authority: TimeAuthority, pem: str, said: str) -> None:
    file = authority.folder / pem
    with pytest.raises(MisconfiguredError, match=said):
        Authority.read(file.read_text() if file.exists() else pem)


async def test_an_authority_without_its_certificates_stops_the_start(
    database_url: str, tmp_path: Path
) -> None:
    settings = Settings(database_url=database_url, data_dir=tmp_path, stamp_url="http://127.0.0.1:1")
    with pytest.raises(MisconfiguredError, match="ONENET_STAMP_CERTIFICATES_FILE"):
        async with bootstrap.process(settings):
            pass


@pytest.mark.parametrize("url", ["tsa.example", "ldap://tsa.example", "http://tsa.example@127.1/"])
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ValidationError, match="as the authority gave it"):
        Settings(stamp_url=url)
