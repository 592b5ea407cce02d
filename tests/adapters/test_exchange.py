"""Rows in a department's own database: a task is written once, answers are found whenever they appear."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import get_args

import pytest

from onenet.adapters import exchange, exchange_tables
from onenet.adapters.base import Entry
from onenet.adapters.exchange import Away, Exchange, Mark, Unfit
from onenet.adapters.registry import adapter_for
from onenet.adapters.transport import Transport
from onenet.destinations import Destinations, NotAllowed
from onenet.domain.outcome import Received
from onenet.errors import MisconfiguredError
from tests.adapters.factories import NOW, make_endpoint, make_task
from tests.exchanging import Bureau, bureau
from tests.outward import HERE

pytestmark = pytest.mark.anyio

KEY = "tsk_01JDB2Z8R4W0X5Y6Z7A8B9C0D1"


@pytest.fixture
async def theirs(
    backend: str, request: pytest.FixtureRequest, tmp_path: Path, anyio_backend: str
) -> AsyncIterator[Bureau]:
    async with bureau(backend, request, tmp_path) as made:
        yield made


def entry(bureau: Bureau, sheet: str = '{"a": 1}') -> Entry:
    return Entry(bureau.url, KEY, "household", "32-1", sheet)


async def reason_of(bureau: Bureau) -> str:
    with pytest.raises((Away, Unfit, NotAllowed, TimeoutError)) as failed:
        await bureau.exchange().write(entry(bureau))
    assert "geheim" not in repr(failed.getrepr(chain=True, showlocals=False))
    return f"{failed.type.__name__}: {failed.value}"


# ---- tasks out


async def test_a_task_is_a_row(theirs: Bureau) -> None:
    await theirs.exchange().write(entry(theirs))
    found = theirs.run("SELECT task, item, case_number, sheet, taken_at FROM onenet_task")
    assert found == [(KEY, "household", "32-1", '{"a": 1}', None)]
    assert theirs.run("SELECT count(*) FROM onenet_task WHERE written_at IS NULL") == [(0,)]


async def test_a_second_write_changes_nothing(theirs: Bureau) -> None:
    await asyncio.gather(*(theirs.exchange().write(entry(theirs)) for _ in range(3)))
    await theirs.exchange().write(entry(theirs, "another"))
    assert theirs.run("SELECT sheet FROM onenet_task") == [('{"a": 1}',)]


async def test_a_missing_table_says_so(theirs: Bureau) -> None:
    theirs.run("DROP TABLE onenet_task")
    assert await reason_of(theirs) == (
        "Away: there is no table onenet_task or onenet_answer, or a column of it is missing"
    )


async def test_a_missing_column_says_so(theirs: Bureau) -> None:
    theirs.run("ALTER TABLE onenet_task RENAME COLUMN sheet TO content")
    assert "a column of it is missing" in await reason_of(theirs)


async def test_a_row_that_the_table_refuses_is_refused_again(theirs: Bureau) -> None:
    """Not because the key is there: because of a rule of the department's."""
    theirs.run("DROP TABLE onenet_task")
    made = exchange_tables.ddl(theirs.dialect).split(";")[0]
    theirs.run(made.replace("sheet TEXT NOT NULL", "sheet TEXT NOT NULL CHECK (length(sheet) > 99)"))
    assert await reason_of(theirs) == "Unfit: the table does not take the row (IntegrityError)"


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_a_login_that_is_refused_or_may_not_write(theirs: Bureau) -> None:
    theirs.run("CREATE ROLE nobody_in_exchange LOGIN")
    try:
        other = Bureau(
            "postgresql", theirs.url.replace("postgres:", "nobody_in_exchange:", 1), theirs.connect, HERE
        )
        other = Bureau(
            "postgresql", theirs.url.replace("//postgres:", "//nobody_in_exchange:"), theirs.connect, HERE
        )
        assert await reason_of(other) == "Away: its login may not do this"
    finally:
        theirs.run("DROP ROLE nobody_in_exchange")
    assert await reason_of(other) == "Away: no connection, or the login is refused"


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_a_database_that_hangs_is_given_up_and_keeps_no_other_waiting(
    theirs: Bureau, request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """More calls than it has threads, and each fails at its deadline."""
    assert theirs.proxy is not None
    monkeypatch.setattr(exchange, "TOTAL_S", 1.0)
    theirs.proxy.is_open.clear()
    outward = Exchange(Destinations(HERE.allowed, folder=tmp_path))
    calls = range(2 * exchange.MOST_THREADS)
    hanging = [asyncio.create_task(outward.write(entry(theirs))) for _ in calls]
    async with bureau("sqlite", request, tmp_path) as other:
        await outward.write(entry(other))
    assert not any(call.done() for call in hanging)
    failed = await asyncio.gather(*hanging, return_exceptions=True)
    assert {type(each) for each in failed} == {TimeoutError}
    theirs.proxy.is_open.set()
    theirs.proxy.reset()


async def test_nothing_listens(theirs: Bureau) -> None:
    gone = "sqlite:////nowhere/x.sqlite3" if theirs.dialect == "sqlite" else theirs.url
    if theirs.proxy is not None:
        await theirs.proxy.__aexit__(None, None, None)
        wanted = "Away: no connection, or the login is refused"
    else:
        wanted = "NotAllowed: destination not allowed"
    assert await reason_of(Bureau(theirs.dialect, gone, theirs.connect, theirs.destinations)) == wanted


# ---- answers in


async def test_answers_come_in_the_order_of_their_ids_until_they_are_marked(theirs: Bureau) -> None:
    for number in range(5):
        theirs.say(f"m-{number}", KEY, "{}")
    outward = theirs.exchange()
    first = await outward.unread(theirs.url, None, 2)
    assert [row.message_id for row in first] == ["m-0", "m-1"]
    assert [row.message_id for row in await outward.unread(theirs.url, first[-1].id, 9)] == [
        "m-2",
        "m-3",
        "m-4",
    ]
    await outward.mark(theirs.url, [Mark(row.id, "applied", None) for row in first])
    assert await outward.count_unread(theirs.url, 100) == 3
    assert theirs.marks()[:3] == [("m-0", "applied", None), ("m-1", "applied", None), ("m-2", None, None)]


async def test_a_mark_is_set_once(theirs: Bureau) -> None:
    theirs.say("m-1", KEY, "{}")
    outward = theirs.exchange()
    (row,) = await outward.unread(theirs.url, None, 9)
    await outward.mark(theirs.url, [Mark(row.id, "applied", None)])
    await outward.mark(theirs.url, [Mark(row.id, "refused", "later")])
    assert theirs.marks() == [("m-1", "applied", None)]


async def test_an_answer_of_10_mb_stays_where_it_is(theirs: Bureau) -> None:
    theirs.say("m-1", KEY, "x" * 10_000_000)
    theirs.say("m-2", KEY, "{}")
    rows = await theirs.exchange().unread(theirs.url, None, 9)
    assert [(row.message_id, row.answer) for row in rows] == [("m-1", None), ("m-2", "{}")]


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_a_row_that_commits_late_under_a_smaller_id_is_found(theirs: Bureau) -> None:
    """The trap of sequences. Who remembers the last id that was seen never sees the late row: the control."""
    outward = theirs.exchange()
    seen_by_last_id, last = [], 0

    def look_by_last_id() -> None:
        nonlocal last
        for id, name in theirs.run(
            "SELECT id, message_id FROM onenet_answer WHERE id > %s ORDER BY id", last
        ):
            seen_by_last_id.append(name)
            last = id

    async def look() -> None:
        rows = await outward.unread(theirs.url, None, 9)
        seen.extend(str(row.message_id) for row in rows)
        await outward.mark(theirs.url, [Mark(row.id, "applied", None) for row in rows])

    seen: list[str] = []
    with theirs.connect() as slow:
        slow.execute("INSERT INTO onenet_answer (message_id, task, answer) VALUES ('early', 't', '{}')")
        theirs.say("quick", "t", "{}")
        look_by_last_id()
        await look()
        slow.commit()
    look_by_last_id()
    await look()
    assert (seen, seen_by_last_id) == (["quick", "early"], ["quick"])


async def test_one_row_that_the_database_will_not_have_marked_keeps_no_other_back(theirs: Bureau) -> None:
    forbids = {
        "sqlite": "CREATE TRIGGER no BEFORE UPDATE ON onenet_answer WHEN old.message_id = 'm-0'"
        " BEGIN SELECT RAISE(ABORT, 'no'); END",
        "postgresql": "ALTER TABLE onenet_answer ADD CHECK (message_id <> 'm-0' OR outcome IS NULL)",
    }
    theirs.run(forbids[theirs.dialect])
    for number in range(3):
        theirs.say(f"m-{number}", KEY, "{}")
    outward = theirs.exchange()
    rows = await outward.unread(theirs.url, None, 9)
    await outward.mark(theirs.url, [Mark(row.id, "applied", None) for row in rows])
    assert [outcome for _, outcome, _ in theirs.marks()] == [None, "applied", "applied"]


@pytest.mark.parametrize("backend", ["sqlite"])
async def test_a_view_without_an_end_keeps_no_thread(theirs: Bureau, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file is the department's, and may have anything in it."""
    monkeypatch.setattr(exchange, "TOTAL_S", 0.3)
    theirs.run("DROP TABLE onenet_answer")
    theirs.run(
        "CREATE VIEW onenet_answer AS WITH RECURSIVE n(id) AS (SELECT 1 UNION ALL SELECT id + 1 FROM n)"
        " SELECT id, '' AS message_id, '' AS task, '' AS answer, NULL AS read_at FROM n WHERE id < 0"
    )
    with pytest.raises((TimeoutError, Away)):
        await theirs.exchange().unread(theirs.url, None, 1)
    deadline = time.monotonic() + 10
    while any(thread.name == "exchange" for thread in threading.enumerate()):
        assert time.monotonic() < deadline, "the thread goes on"
        await asyncio.sleep(0.05)


@pytest.mark.parametrize("backend", ["postgresql"])
async def test_the_documented_rights_are_enough_and_open_nothing_else(theirs: Bureau) -> None:
    """What the department's administrator of databases is told to run."""
    text = (Path(__file__).parents[2] / "docs" / "departments.md").read_text(encoding="utf-8")
    rights = text.split("```sql\n")[1].split("```")[0]
    assert rights.startswith("CREATE ROLE onenet LOGIN")
    theirs.run(rights)
    try:
        theirs.say("m-1", KEY, "{}")
        url = theirs.url.replace("//postgres:", "//onenet:")
        outward = theirs.exchange()
        for _ in range(2):
            await outward.write(Entry(url, KEY, "household", "32-1", "{}"))
        (row,) = await outward.unread(url, None, 9)
        await outward.mark(url, [Mark(row.id, "applied", None)])
        assert theirs.marks() == [("m-1", "applied", None)]
        with theirs.connect() as connection:
            connection.execute("SET ROLE onenet")
            for forbidden in ("UPDATE onenet_task SET sheet = ''", "UPDATE onenet_answer SET answer = ''"):
                with pytest.raises(Exception, match="permission denied"), connection.transaction():
                    connection.execute(forbidden)
    finally:
        theirs.run("DROP OWNED BY onenet")
        theirs.run("DROP ROLE onenet")


# ---- what may be called


async def test_a_file_outside_the_folder_is_not_opened(tmp_path: Path) -> None:
    inside, outside = tmp_path / "in", tmp_path / "out.sqlite3"
    inside.mkdir()
    outside.touch()
    (inside / "link.sqlite3").symlink_to(outside)
    allowed = Exchange(Destinations(folder=inside))
    for path in (outside, inside / "link.sqlite3", inside / ".." / "out.sqlite3"):
        with pytest.raises(NotAllowed):
            await allowed.unread(f"sqlite:///{path}", None, 1)
    with pytest.raises(NotAllowed):
        await Exchange(Destinations()).unread(f"sqlite:///{outside}", None, 1)


async def test_a_file_is_not_made(tmp_path: Path) -> None:
    outward = Exchange(Destinations(folder=tmp_path))
    for _ in range(2):
        with pytest.raises(Away, match="no such file"):
            await outward.unread(f"sqlite:///{tmp_path}/new.sqlite3", None, 1)


@pytest.mark.parametrize(
    "host", ["127.0.0.1", "localhost", "[::1]", "10.0.0.7", "169.254.169.254", "127.1", "2130706433"]
)
async def test_no_database_is_called_where_nobody_may_be(host: str) -> None:
    """Also by the spellings that only resolvers understand: what they lead to is judged."""
    with pytest.raises(NotAllowed):
        await Exchange(Destinations()).unread(f"postgresql://a:b@{host}/x", None, 1)


def test_the_port_of_our_own_database_is_open_to_those_that_the_settings_name() -> None:
    closed = Destinations(HERE.allowed, closed_ports=frozenset({5432}))
    with pytest.raises(NotAllowed):
        closed.check("127.0.0.1", 5432)
    closed.with_databases().check("127.0.0.1", 5432)
    with pytest.raises(NotAllowed):
        closed.with_databases().check("10.0.0.7", 5432)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://a:geheim@/x?host=/tmp", "nothing behind its ? but sslmode, sslrootcert"),
        ("postgresql://a:geheim@ok/x?hostaddr=10.0.0.1", "nothing behind its ? but sslmode, sslrootcert"),
        ("postgresql://a:geheim@ok", "a host and the name of a database"),
        ("sqlite://", "sqlite:////folder/file"),
        ("mysql+pymysql://a:geheim@ok/x", "pymysql is not installed here"),
        ("geheim", "dialect://user:password@host/name"),
        ("postgresql://a:geheim@ok:port/x", "dialect://user:password@host/name"),
        ("nosuch://a:geheim@ok/x", "its dialect is not installed here"),
    ],
)
def test_a_url_that_will_not_do_says_why_and_not_what_it_is(url: str, says: str) -> None:
    with pytest.raises(MisconfiguredError) as refused:
        exchange.read_url(url)
    assert says in refused.value.detail
    assert "geheim" not in refused.value.detail


@pytest.mark.parametrize("dialect", get_args(exchange_tables.Dialect))
def test_the_tables_are_told_in_each_dialect(dialect: exchange_tables.Dialect) -> None:
    told = exchange_tables.ddl(dialect)
    assert [line.split("(")[0].strip() for line in told.splitlines() if line.startswith("CREATE")] == [
        "CREATE TABLE onenet_task", "CREATE TABLE onenet_answer",
        "CREATE INDEX ix_onenet_answer_unread ON onenet_answer",
    ]  # fmt: skip


async def test_the_transport_writes_the_row_of_an_adapters_talk(theirs: Bureau) -> None:
    endpoint = make_endpoint("", "exchange_table", secrets=(), credentials={"url": theirs.url})
    async with Transport(destinations=theirs.destinations) as transport:
        for _ in range(2):
            talk = adapter_for(endpoint).submit(make_task())
            attempt = await transport.drive(talk, endpoint=endpoint, key=KEY, now=NOW)
            assert (attempt.outcome, attempt.status, attempt.excerpt) == (Received(), None, "")
    assert theirs.run("SELECT task, sheet FROM onenet_task") == [(KEY, make_task().payload)]


async def test_a_missing_table_is_tried_again_by_the_schedule(theirs: Bureau) -> None:
    theirs.run("DROP TABLE onenet_task")
    endpoint = make_endpoint("", "exchange_table", secrets=(), credentials={"url": theirs.url})
    async with Transport(destinations=theirs.destinations) as transport:
        talk = adapter_for(endpoint).submit(make_task())
        attempt = await transport.drive(talk, endpoint=endpoint, key=KEY, now=NOW)
    assert (attempt.failure, attempt.status) == ("transient", None)
