"""Encryption at rest: what lies in the rows, which keys a start accepts, and rotation while others work."""

from __future__ import annotations

import asyncio
import json
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import literal, select, update

from onenet.clock import FrozenClock
from onenet.domain.case import Applicant, Case
from onenet.domain.commands import RecordAnswer
from onenet.domain.outcome import Completed, ResultGiven
from onenet.domain.visibility import EVERYTHING, Visible
from onenet.encryption import FileKeys, KeyRing, Unreadable, blobs
from onenet.errors import Conflict, MisconfiguredError
from onenet.ids import new_id
from onenet.services import encryption
from onenet.services.advance import Gate
from onenet.services.change import Change, Once
from onenet.store import cases, endpoints, idempotency, tables
from onenet.store import encryption as store
from onenet.store.database import Database
from onenet.store.idempotency import StoredAnswer
from tests.domain.walk import begin
from tests.factories import NOW, Shelf, make_bundle, make_content, make_member, make_opening
from tests.keys import KEK, key_ring
from tests.store.seeding import load_one, save_department, save_new

pytestmark = pytest.mark.anyio

ID_NO = "11010519491231002X"
SECRET = "secret-of-the-case"
NEWER = f"2:sm:{b64encode(b'sixteen byte key').decode()}"
WRONG = f"1:std:{b64encode(bytes(32)).decode()}"

Opener = Callable[..., Database]


def ring_of(*lines: str) -> KeyRing:
    return KeyRing(FileKeys.read("\n".join(lines)))


@pytest.fixture
async def open_with(database_url: str, anyio_backend: str) -> AsyncIterator[Opener]:
    """Opens the test's database with these keys, as another process would."""
    opened: list[Database] = []

    def opener(*lines: str) -> Database:
        opened.append(Database(database_url, ring=ring_of(*lines) if lines else KeyRing(None)))
        return opened[-1]

    yield opener
    for each in opened:
        await each.close()


async def submitted(gate: Gate, shelf: Shelf, *, decided: bool = False) -> Case:
    """A case of one step, whose department has answered if it is `decided`."""
    content = make_content(form={"remark": "canary-form"})
    content = replace(content, applicant=Applicant("canary-name", "natural_person", "resident_id", ID_NO))
    bundle = shelf.put(make_bundle(make_member(results=["paper"])))
    once = Once("frontend:app/s-1", f"key-{new_id()}", b"x" * 32, Conflict)
    change = make_opening(
        bundle, content=content, once=once, render=lambda case, _: StoredAnswer(202, f"canary-{case.id}")
    )
    case = (await gate.submit(change)).case
    assert case is not None
    if decided:
        (task,) = case.tasks
        outcome = Completed((ResultGiven("paper", "canary-result"),), "canary-opinion")
        case = (await gate.submit(Change(case.id, RecordAnswer(task, outcome), "department:police"))).case
        assert case is not None
    return case


async def stored(database: Database, table: Any) -> str:
    """Everything that lies in the rows of a table."""
    async with database.read() as connection:
        return repr((await connection.execute(select(table))).all())


async def test_no_table_of_a_case_holds_in_the_clear_what_was_said(
    database: Database, gate: Gate, shelf: Shelf
) -> None:
    await save_department(database, "police", "http://127.0.0.1:1")
    await submitted(gate, shelf, decided=True)
    for table in tables.metadata.sorted_tables:
        rows = await stored(database, table)
        for word in (ID_NO, "canary-", SECRET, "whsec_"):
            assert word not in rows, (table.name, word)


async def test_what_was_sealed_is_read_by_another_process(
    database: Database, gate: Gate, shelf: Shelf, open_with: Opener
) -> None:
    case = await submitted(gate, shelf, decided=True)
    read = await load_one(open_with(KEK), shelf, case.id)
    assert (read.content, read.steps, read.tasks) == (case.content, case.steps, case.tasks)
    assert read.secret_hash == case.secret_hash


async def test_each_case_has_a_key_of_its_own(database: Database, gate: Gate, shelf: Shelf) -> None:
    one, other = await submitted(gate, shelf), await submitted(gate, shelf)
    assert one.data_key != other.data_key
    c = tables.cases.c
    async with database.transaction() as connection:
        await connection.execute(update(tables.cases).where(c.id == one.id).values(data_key=other.data_key))
    with pytest.raises(Unreadable):
        await load_one(database, shelf, one.id)


async def test_the_contents_of_two_cases_cannot_be_exchanged(
    database: Database, gate: Gate, shelf: Shelf
) -> None:
    one, other = await submitted(gate, shelf), await submitted(gate, shelf)
    c = tables.case_content.c
    async with database.transaction() as connection:
        theirs = await connection.scalar(select(c.content).where(c.case_id == other.id))
        moved = update(tables.case_content).where(c.case_id == one.id).values(content=theirs)
        await connection.execute(moved)
    with pytest.raises(Unreadable):
        await load_one(database, shelf, one.id)


async def test_what_does_not_open_is_a_security_event_with_its_place_and_without_its_content(
    database: Database, gate: Gate, shelf: Shelf, seen: list[dict[str, Any]]
) -> None:
    one, other = await submitted(gate, shelf), await submitted(gate, shelf)
    c = tables.case_content.c
    for stored in (select(c.content).where(c.case_id == other.id), select(literal('{"canary": 1}'))):
        async with database.transaction() as connection:
            content = await connection.scalar(stored)
            await connection.execute(
                update(tables.case_content).where(c.case_id == one.id).values(content=content)
            )
        with pytest.raises(Unreadable):
            await load_one(database, shelf, one.id)
    told = {"place": "case_content.content", "row": str(one.id)}
    assert [(each["event"], each | told == each) for each in seen] == [("decryption_failed", True)] * 2
    assert "canary" not in str(seen)


async def test_a_case_whose_key_is_gone_is_gone(database: Database, gate: Gate, shelf: Shelf) -> None:
    case = await submitted(gate, shelf)
    async with database.transaction() as connection:
        await connection.execute(update(tables.cases).values(data_key=None))
    with pytest.raises(Unreadable, match="gone"):
        await load_one(database, shelf, case.id)
    found = await encryption.standing(database)
    assert found.cases == {store.KEYLESS: 1}
    assert found.outdated(1) == 0


async def test_a_case_is_found_by_the_identity_number_of_its_applicant_and_by_no_other(
    database: Database, gate: Gate, shelf: Shelf, open_with: Opener
) -> None:
    case = await submitted(gate, shelf)
    everything, nothing = EVERYTHING, Visible(())
    async with open_with(KEK, NEWER).read() as connection:
        assert await cases.find_by_applicant(connection, everything, ID_NO, 9) == [case.id]
        assert await cases.find_by_applicant(connection, everything, "110105194912310038", 9) == []
        assert await cases.find_by_applicant(connection, nothing, ID_NO, 9) == []


# ---- which keys a start accepts


async def test_the_first_start_writes_down_which_key_is_in_use(open_with: Opener) -> None:
    first, second = open_with(KEK), open_with(KEK)
    await asyncio.gather(*(encryption.check(each, NOW) for each in (first, second)))
    found = await encryption.standing(first)
    assert [(each.kid, each.suite) for each in found.known] == [(1, "std")]


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ((), "no key-encryption key: make one with `onenet kek create FILE`"),
        ((NEWER,), "encrypted under key-encryption key 1, which ONENET_KEK does not hold: put its line back"),
        (
            (WRONG,),
            "key 1 of ONENET_KEK is not the key 1 that the database is encrypted under: put the right",
        ),
    ],
    ids=["none", "missing", "wrong"],
)
async def test_a_start_without_the_right_key_ends_with_a_sentence_that_says_what_to_do(
    open_with: Opener, lines: tuple[str, ...], said: str
) -> None:
    await encryption.check(open_with(KEK), NOW)
    with pytest.raises(MisconfiguredError) as refused:
        await encryption.check(open_with(*lines), NOW)
    assert said in str(refused.value)
    assert len(str(refused.value).split(". ")) == 1


async def test_a_newer_key_that_was_only_put_into_the_file_is_not_used_yet(open_with: Opener) -> None:
    await encryption.check(open_with(KEK), NOW)
    both = open_with(KEK, NEWER)
    await encryption.check(both, NOW)
    assert both.ring.in_use == 1


# ---- rotation


def silent(number: int) -> None:
    """Tells nobody."""


async def everything_of(database: Database, shelf: Shelf, ids: list[UUID]) -> list[Case]:
    """The cases but for what a rotation writes."""
    return [(await load_one(database, shelf, id))._replace(data_key=None, version=0) for id in ids]


async def test_after_a_rotation_the_older_key_is_needed_no_more(
    database: Database, gate: Gate, shelf: Shelf, open_with: Opener
) -> None:
    await encryption.check(database, NOW)
    endpoint = await save_department(database, "police", "http://127.0.0.1:1")
    ids = [(await submitted(gate, shelf, decided=True)).id for _ in range(3)]
    before = await everything_of(database, shelf, ids)
    heard: list[int] = []
    done = await encryption.rotate(open_with(KEK, NEWER), NOW, heard.append)
    assert (done.kid, done.cases, done.unreadable, done.left) == (2, 3, 0, 0)
    assert sum(heard) == done.cases + done.others
    alone = open_with(NEWER)
    await encryption.check(alone, NOW)
    assert await everything_of(alone, shelf, ids) == before
    async with alone.read() as connection:
        assert await endpoints.of_department(connection, "police") == endpoint
        found = await cases.find_by_applicant(connection, EVERYTHING, ID_NO, 9)
        assert set(found) == set(ids)


async def test_stored_answers_are_the_same_after_a_rotation(
    database: Database, gate: Gate, shelf: Shelf, open_with: Opener
) -> None:
    case = await submitted(gate, shelf)
    async with database.read() as connection:
        row = (await connection.execute(select(tables.idempotency_key))).mappings().one()
    await encryption.rotate(open_with(KEK, NEWER), NOW, silent)
    async with open_with(NEWER).read() as connection:
        done = await idempotency.find(connection, [(row["scope"], row["key"])])
    assert [each.answer.body for each in done.values()] == [f"canary-{case.id}"]


async def test_a_rotation_that_was_cut_off_goes_on_where_it_was(
    database: Database, gate: Gate, shelf: Shelf, open_with: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encryption, "BATCH", 2)
    await encryption.check(database, NOW)
    for _ in range(5):
        await submitted(gate, shelf)

    def cut(number: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await encryption.rotate(open_with(KEK, NEWER), NOW, cut)
    assert (await encryption.standing(database)).cases == {1: 3, 2: 2}
    done = await encryption.rotate(open_with(KEK, NEWER), NOW, silent)
    assert (done.cases, done.left) == (3, 0)


async def test_two_rotations_and_a_gate_at_once_do_no_harm(
    database: Database, gate: Gate, shelf: Shelf, open_with: Opener, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(encryption, "BATCH", 3)
    await encryption.check(database, NOW)
    ids = [(await submitted(gate, shelf)).id for _ in range(12)]
    rotations = [encryption.rotate(open_with(KEK, NEWER), NOW, silent) for _ in range(2)]
    both = Gate(open_with(KEK, NEWER), shelf.bundle_of, FrozenClock(NOW), FrozenClock(NOW))
    decided = [
        both.submit(
            Change(id, RecordAnswer(await task_of(database, shelf, id), Completed()), "department:police")
        )
        for id in ids
    ]
    await asyncio.gather(*rotations, *decided)
    done = await encryption.rotate(open_with(KEK, NEWER), NOW, silent)
    assert done.left == 0
    after = await everything_of(open_with(NEWER), shelf, ids)
    assert {case.state for case in after} == {"completed"}


async def task_of(database: Database, shelf: Shelf, id: UUID) -> UUID:
    (task,) = (await load_one(database, shelf, id)).tasks
    return task


async def test_a_process_that_meets_the_newer_key_uses_it(
    database: Database, gate: Gate, shelf: Shelf, open_with: Opener
) -> None:
    await encryption.check(database, NOW)
    case = await submitted(gate, shelf)
    running = open_with(KEK, NEWER)
    await encryption.check(running, NOW)
    await encryption.rotate(open_with(KEK, NEWER), NOW, silent)
    await load_one(running, shelf, case.id)
    assert running.ring.in_use == 2


async def test_what_a_process_wrote_under_the_older_key_too_late_is_sealed_anew(
    database: Database, gate: Gate, shelf: Shelf, open_with: Opener, clock: FrozenClock
) -> None:
    """The rotation has counted and struck the key out; this process had not met the newer one yet."""
    await encryption.check(database, NOW)
    running = open_with(KEK, NEWER)
    await encryption.check(running, NOW)
    following = encryption.Following(running, clock)
    late = Gate(running, shelf.bundle_of, clock, clock)
    done = await encryption.rotate(open_with(KEK, NEWER), NOW, silent)
    assert done.left == 0
    case = await submitted(late, shelf, decided=True)
    assert (await encryption.standing(database)).outdated(2) > 0
    for _ in range(2):
        await following.look()
        assert running.ring.in_use == 2
        clock.advance(encryption.SETTLE)
    assert (await encryption.standing(database)).outdated(2) == 0
    alone = open_with(NEWER)
    await encryption.check(alone, NOW)
    assert (await load_one(alone, shelf, case.id)).content == case.content


async def test_a_process_that_follows_leaves_a_rotation_to_whoever_makes_it(
    database: Database, gate: Gate, shelf: Shelf, open_with: Opener, clock: FrozenClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    """It goes through all cases: a server has better things to do, and joins only for what it left behind."""
    monkeypatch.setattr(encryption, "BATCH", 1)
    await encryption.check(database, NOW)
    running = open_with(KEK, NEWER)
    await encryption.check(running, NOW)
    following = encryption.Following(running, clock)
    for _ in range(3):
        await submitted(gate, shelf)

    def cut(number: int) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        await encryption.rotate(open_with(KEK, NEWER), NOW, cut)
    for _ in range(2):
        await following.look()
        clock.advance(encryption.SETTLE)
    assert running.ring.in_use == 2
    assert (await encryption.standing(database)).cases == {1: 2, 2: 1}


async def test_a_case_that_cannot_be_opened_stops_no_rotation(
    database: Database, gate: Gate, shelf: Shelf, open_with: Opener
) -> None:
    broken, _ = await submitted(gate, shelf), await submitted(gate, shelf)
    c = tables.case_content.c
    async with database.transaction() as connection:
        await connection.execute(
            update(tables.case_content).where(c.case_id == broken.id).values(content="{}")
        )
    done = await encryption.rotate(open_with(KEK, NEWER), NOW, silent)
    assert (done.cases, done.unreadable, done.left) == (1, 1, 1)


# ---- what is from before there was encryption


async def put_secret(database: Database, **columns: Any) -> None:
    """All cases as they were before there were hashes of their secrets."""
    before = {"secret_hash": None, "tracking_secret": "", "sealed_secret": None, **columns}
    async with database.transaction() as connection:
        await connection.execute(update(tables.cases).values(before))


async def test_a_secret_that_was_sealed_stays_valid_and_a_rotation_leaves_its_hash_alone(
    database: Database, gate: Gate, shelf: Shelf
) -> None:
    await encryption.check(database, NOW)
    case = await submitted(gate, shelf)
    assert case.data_key is not None
    key = database.ring.open(case.data_key)
    await put_secret(database, sealed_secret=key.seal(SECRET, place="cases.sealed_secret", row=case.id))
    assert (await load_one(database, shelf, case.id)).secret_hash == case.secret_hash
    done = await encryption.rotate(database, NOW, silent)
    assert (done.cases, done.left) == (1, 0)
    async with database.read() as connection:
        (row,) = await connection.execute(select(tables.cases))
    assert (row.secret_hash, row.sealed_secret, row.tracking_secret) == (case.secret_hash, None, "")
    assert (await encryption.rotate(database, NOW, silent)).cases == 0


async def test_a_case_from_before_is_read_as_it_is_and_sealed_by_a_rotation(
    database: Database, shelf: Shelf, open_with: Opener
) -> None:
    bundle = shelf.put(make_bundle(make_member(results=["paper"])))
    walk = begin(bundle)
    walk.answer("household", Completed((ResultGiven("paper", "canary-result"),), "canary-opinion"))
    await save_new(open_with(), [walk])
    await put_secret(database, tracking_secret=SECRET)
    before = await everything_of(database, shelf, [walk.case.id])
    assert "canary-" in await stored(database, tables.step)
    assert (await encryption.standing(database)).in_clear() == 1
    done = await encryption.rotate(database, NOW, silent)
    assert (done.cases, done.left) == (1, 0)
    for table in (tables.step, tables.task, tables.case_content, tables.cases):
        rows = await stored(database, table)
        assert "canary-" not in rows
        assert "张三" not in rows
        assert SECRET not in rows
    assert await everything_of(database, shelf, [walk.case.id]) == before


async def test_whoever_remembers_a_case_from_before_reads_it_anew(
    database: Database, shelf: Shelf, open_with: Opener, clock: FrozenClock
) -> None:
    """A row that was written in the clear into a sealed case could never be read again."""
    shelf.put(make_bundle())
    walk = begin()
    await save_new(open_with(), [walk])
    await put_secret(database, tracking_secret=SECRET)
    version = (await load_one(database, shelf, walk.case.id)).version
    await encryption.rotate(database, NOW, silent)
    assert (await load_one(database, shelf, walk.case.id)).version == version + 1


async def test_a_stored_answer_and_a_secret_from_before_are_read_and_sealed_by_a_rotation(
    database: Database,
) -> None:
    endpoint = await save_department(database, "police", "http://127.0.0.1:1")
    plain = json.dumps(list(endpoint.secrets))
    async with database.transaction() as connection:
        await connection.execute(update(tables.endpoint).values(secrets=plain))
    async with database.read() as connection:
        assert await endpoints.of_department(connection, "police") == endpoint
    assert (await encryption.rotate(database, NOW, silent)).others == 1
    assert "whsec_" not in await stored(database, tables.endpoint)
    async with database.read() as connection:
        assert await endpoints.of_department(connection, "police") == endpoint


@pytest.mark.parametrize("kid", [1, 2, 63, 255, 256, 4_095, 65_535])
def test_a_database_can_tell_the_key_of_a_sealed_text_by_its_first_characters(kid: int) -> None:
    firsts = {
        blobs.to_text(blobs.VERSION + kid.to_bytes(2, "big") + bytes([nonce]) * 29)[: blobs.HEAD_CHARACTERS]
        for nonce in range(256)
    }
    assert firsts == set(blobs.heads(kid))
    assert {blobs.kid_of_head(first) for first in firsts} == {kid}
    assert blobs.kid_of_head('{"a"') == blobs.kid_of_head("") == 0


def test_control_the_ring_of_the_tests_is_the_first_key() -> None:
    assert key_ring().kids == (1,)


def test_every_table_with_wrapped_keys_has_its_place_in_a_rotation() -> None:
    """One that was forgotten would be lost with the older key."""
    with_keys = {table.name for table in tables.metadata.sorted_tables if "data_key" in table.c}
    rotated = {each.table.name for each in store.OF_SYSTEM if isinstance(each, store.Wrapped)}
    assert with_keys - {"cases"} == rotated
