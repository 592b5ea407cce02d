"""The migration tree: it makes what the code expects, and no way up or down loses a case."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Connection, create_engine, func, insert, select, text, update

from onenet.resources import migrations_dir
from onenet.store import catalogue_tables, tables
from onenet.store.database import Database
from onenet.store.migrating import LOCK_TIMEOUT_MS, Migrator, connect, sync_url
from tests.databases import migrate, sqlite_file
from tests.domain.walk import begin
from tests.factories import NOW
from tests.migrations.shape import shape_of
from tests.store.seeding import save_new

ROOT = migrations_dir().parent

on_sqlite = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
on_postgresql = pytest.mark.parametrize(
    "backend", [pytest.param("postgresql", marks=pytest.mark.postgres)], indirect=True
)


def migrator(url: str, tree: Path | None = None) -> Migrator:
    return Migrator(url, tree or migrations_dir())


def silent(line: str) -> None:
    """Tells nobody."""


@pytest.fixture
def connection(database_url: str) -> Iterator[Connection]:
    """A connection to the migrated database, as an administrator has one."""
    engine = create_engine(sync_url(database_url))
    with engine.connect() as opened:
        yield opened
    engine.dispose()


async def save_case(url: str) -> None:
    """One case with all that hangs on it, as from before there was anything that stands in the way down."""
    database = Database(url)
    await save_new(database, [begin()])
    async with database.transaction() as connection:
        await connection.execute(update(tables.cases).values(secret_hash=None, tracking_secret="s"))
    await database.close()


def cases_in(url: str) -> int:
    engine = create_engine(sync_url(url))
    with engine.connect() as opened:
        found = opened.scalar(select(func.count()).select_from(tables.cases))
    engine.dispose()
    return found or 0


# ---- the tree makes what the code expects


def test_alembic_finds_nothing_to_add(connection: Connection) -> None:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    assert compare_metadata(context, tables.metadata) == []


def test_the_migrated_database_has_the_shape_of_the_metadata(
    database_url: str, empty_database_url: str
) -> None:
    """Also where Alembic does not look: checks, conditions of indexes, the order of keys."""
    engine = create_engine(sync_url(empty_database_url))
    tables.metadata.create_all(engine)
    engine.dispose()
    migrated, made = shape_of(database_url), shape_of(empty_database_url)
    assert set(migrated) == set(tables.metadata.tables)
    for table, expected in made.items():
        assert migrated[table] == expected, table


def test_control_the_shape_shows_a_check_that_is_missing(database_url: str, empty_database_url: str) -> None:
    engine = create_engine(sync_url(empty_database_url))
    altered = tables.metadata.tables["task"]
    names = {constraint.name for constraint in altered.constraints}
    assert "ck_task_state_known" in names
    with engine.begin() as opened:
        tables.metadata.create_all(opened)
        opened.execute(text("DROP TABLE attempt"))
        opened.execute(text("DROP TABLE task"))
        opened.execute(text("CREATE TABLE task (lane SMALLINT NOT NULL)"))
    engine.dispose()
    assert shape_of(empty_database_url)["task"]["checks"] != shape_of(database_url)["task"]["checks"]


def test_there_is_one_head() -> None:
    """Two heads are two migrations that nobody put in order."""
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(migrations_dir()))
    assert len(ScriptDirectory.from_config(config).get_heads()) == 1


# ---- up and down


def test_up_down_and_up_again_gives_the_same_shape(empty_database_url: str) -> None:
    migrate(empty_database_url)
    first = shape_of(empty_database_url)
    migrator(empty_database_url).downgrade("base", silent, NOW)
    assert shape_of(empty_database_url) == {}
    migrate(empty_database_url)
    assert shape_of(empty_database_url) == first


@pytest.mark.anyio
async def test_a_way_down_that_would_lose_a_case_is_refused_and_changes_nothing(database_url: str) -> None:
    await save_case(database_url)
    moving = migrator(database_url)
    moving.downgrade("0001", silent, NOW)
    before = shape_of(database_url)
    with pytest.raises(RuntimeError, match="lose"):
        moving.downgrade("base", silent, NOW)
    assert cases_in(database_url) == 1
    assert shape_of(database_url) == before
    assert moving.current() == "0001"


@pytest.mark.anyio
async def test_a_way_down_that_would_lose_where_a_case_was_received_is_refused(database_url: str) -> None:
    await save_case(database_url)
    database = Database(database_url)
    async with database.transaction() as connection:
        await connection.execute(update(tables.cases).values(receiving="wujiang"))
    await database.close()
    moving = migrator(database_url)
    with pytest.raises(RuntimeError, match="where cases were handed in"):
        moving.downgrade("0032", silent, NOW)
    assert moving.current() == moving.head()


@pytest.mark.anyio
async def test_no_way_up_or_down_above_the_first_revision_loses_a_case(database_url: str) -> None:
    await save_case(database_url)
    moving = migrator(database_url)
    moving.downgrade("0001", silent, NOW)
    moving.upgrade("head", silent, NOW)
    assert cases_in(database_url) == 1


@on_sqlite
def test_a_way_down_that_would_let_a_key_be_used_anywhere_is_refused(
    database_url: str, connection: Connection
) -> None:
    connection.exec_driver_sql(
        "INSERT INTO api_key (id, public, hash, kind, client, scopes, created_at, networks) VALUES "
        "('1', 'abcdefgh', x'00', 'frontend', 'app', '[]', '2026-11-26', '[\"10.1.0.0/16\"]')"
    )
    connection.commit()
    moving = migrator(database_url)
    with pytest.raises(RuntimeError, match="outside their networks"):
        moving.downgrade("0014", silent, NOW)
    assert moving.current() == moving.head()


def test_going_up_twice_is_going_up_once(database_url: str) -> None:
    said: list[str] = []
    migrator(database_url).upgrade("head", said.append, NOW)
    assert said == []


def test_each_step_is_told(empty_database_url: str) -> None:
    said: list[str] = []
    moving = migrator(empty_database_url)
    assert moving.current() is None
    moving.upgrade("head", said.append, NOW)
    assert said[0] == "up to 0001: First tables."
    assert moving.current() == moving.head()


# ---- a migration that goes wrong


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """The tree with one revision more, which a test writes."""
    copied = tmp_path / "migrations"
    shutil.copytree(migrations_dir(), copied, ignore=shutil.ignore_patterns("__pycache__"))
    return copied


def write_revision(tree: Path, upgrade: str) -> None:
    after = Migrator("sqlite://", tree).head()
    text_ = (
        f'"""One more."""\nimport sqlalchemy as sa\nfrom alembic import op\n'
        f'revision = "9999"\ndown_revision = "{after}"\n'
        f"def upgrade() -> None:\n    {upgrade}\n"
        f"def downgrade() -> None:\n    pass\n"
    )
    (tree / "versions" / "9999_one_more.py").write_text(text_)


@on_postgresql
def test_a_migration_that_fails_half_way_leaves_nothing(database_url: str, tree: Path) -> None:
    write_revision(tree, 'op.create_table("half", sa.Column("x", sa.Integer)); op.execute("SELECT nothing")')
    with pytest.raises(Exception, match="nothing"):
        migrator(database_url, tree).upgrade("head", silent, NOW)
    assert "half" not in shape_of(database_url)
    assert migrator(database_url).is_current()


@on_postgresql
def test_a_migration_does_not_make_the_service_wait_behind_it(
    database_url: str, tree: Path, connection: Connection, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever waits for a table lock makes everybody after it wait as well; so it gives up soon."""
    monkeypatch.setattr("onenet.store.migrating.LOCK_TIMEOUT_MS", 100)
    assert LOCK_TIMEOUT_MS == 4_000
    write_revision(tree, 'op.add_column("cases", sa.Column("x", sa.Integer))')
    connection.execute(text("LOCK TABLE cases IN ACCESS SHARE MODE"))
    with pytest.raises(Exception, match="lock timeout"):
        migrator(database_url, tree).upgrade("head", silent, NOW)
    connection.rollback()


@on_sqlite
def test_a_migration_that_leaves_orphans_is_told(database_url: str, tree: Path) -> None:
    write_revision(
        tree,
        "op.execute(\"INSERT INTO event VALUES (1, 'a', 1, 't', NULL, 'x', 'y', '{}', x'00', x'00')\")",
    )
    with pytest.raises(Exception, match="parent is missing"):
        migrator(database_url, tree).upgrade("head", silent, NOW)


# ---- the copy of a SQLite file


def copies(url: str) -> list[Path]:
    file = sqlite_file(url)
    return sorted(file.parent.glob(f"{file.stem}.at-*"))


@on_sqlite
@pytest.mark.anyio
async def test_a_file_is_copied_before_it_goes_up_with_what_others_have_not_written_back_yet(
    database_url: str, tree: Path
) -> None:
    """SQLite cannot undo its DDL: the copy is the way back. Others may have the file open meanwhile."""
    database = Database(database_url)
    async with database.read() as reading:
        await reading.exec_driver_sql("SELECT 1 FROM cases")
        await save_new(database, [begin()])  # lies in the write-ahead log, which the reader keeps from ending
        write_revision(tree, 'op.add_column("cases", sa.Column("x", sa.Integer))')
        said: list[str] = []
        migrator(database_url, tree).upgrade("head", said.append, NOW)
    await database.close()
    (copy,) = copies(database_url)
    head = migrator(database_url).head()
    assert copy.name == f"onenet.at-{head}-20261123T010000.sqlite3"
    assert said[0] == f"copied onenet.sqlite3 to {copy.name}"
    assert cases_in(f"sqlite:///{copy}") == 1
    assert migrator(f"sqlite:///{copy}").current() == head
    assert copy.stat().st_mode == sqlite_file(database_url).stat().st_mode


@on_sqlite
@pytest.mark.anyio
async def test_control_the_file_alone_lacks_the_case(database_url: str, tmp_path: Path) -> None:
    database = Database(database_url)
    async with database.read() as reading:
        await reading.exec_driver_sql("SELECT 1 FROM cases")
        await save_new(database, [begin()])
        copy = shutil.copy(sqlite_file(database_url), tmp_path / "copy.sqlite3")
    await database.close()
    assert cases_in(f"sqlite:///{copy}") == 0


@on_sqlite
@pytest.mark.anyio
async def test_a_file_is_copied_before_it_goes_down(database_url: str) -> None:
    await save_case(database_url)
    migrator(database_url).downgrade("0001", silent, NOW)
    (copy,) = copies(database_url)
    assert cases_in(f"sqlite:///{copy}") == 1


@on_sqlite
@pytest.mark.anyio
async def test_a_way_down_that_is_refused_leaves_no_copy(database_url: str) -> None:
    await save_case(database_url)
    with pytest.raises(RuntimeError):
        migrator(database_url).downgrade("base", silent, NOW)
    assert copies(database_url) == []


@on_sqlite
def test_a_file_that_is_new_or_up_to_date_is_not_copied(empty_database_url: str, database_url: str) -> None:
    for url in (empty_database_url, database_url):
        migrate(url)
        assert copies(url) == []


@on_sqlite
def test_a_copy_is_never_written_over_another(database_url: str, tree: Path) -> None:
    write_revision(tree, 'op.execute("SELECT nothing")')
    moving = migrator(database_url, tree)
    with pytest.raises(Exception, match="nothing"):
        moving.upgrade("head", silent, NOW)
    with pytest.raises(FileExistsError):
        moving.upgrade("head", silent, NOW)


# ---- from the command line


def alembic(*words: str, url: str) -> str:
    """Runs Alembic itself at the root of the checkout."""
    done = subprocess.run(
        [sys.executable, "-m", "alembic", *words],
        cwd=ROOT,
        env={**os.environ, "ONENET_DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_alembic_upgrades_from_the_command_line(empty_database_url: str) -> None:
    alembic("upgrade", "head", url=empty_database_url)
    assert migrator(empty_database_url).is_current()
    assert "No new upgrade operations" in alembic("check", url=empty_database_url)


def test_alembic_prints_the_sql_without_a_database(empty_database_url: str) -> None:
    """What an administrator who may not let a program change the tables hands to one who may."""
    printed = alembic("upgrade", "head", "--sql", url=empty_database_url)
    for table in tables.metadata.tables:
        assert f"CREATE TABLE {table} " in printed


@on_sqlite
def test_the_printed_sql_makes_the_same_shape(empty_database_url: str, database_url: str) -> None:
    printed = alembic("upgrade", "head", "--sql", url=empty_database_url)
    raw = sqlite3.connect(sqlite_file(empty_database_url))
    raw.executescript(printed)
    raw.close()
    assert shape_of(empty_database_url) == shape_of(database_url)


def test_the_folder_of_a_new_file_is_made(tmp_path: Path) -> None:
    url = sync_url(f"sqlite:///{tmp_path}/a/b/onenet.sqlite3")
    with connect(url) as opened:
        opened.execute(text("SELECT 1"))
    file = tmp_path / "a" / "b" / "onenet.sqlite3"
    assert file.exists()
    assert (file.parent.stat().st_mode & 0o777, file.stat().st_mode & 0o777) == (0o700, 0o600)


def test_rows_outside_the_workflow_do_not_keep_the_tables(database_url: str, connection: Connection) -> None:
    """What is loaded from files again is no case: going down to nothing is allowed."""
    row = {"code": "suzhou", "content": "{}", "updated_at": NOW}
    connection.execute(insert(catalogue_tables.jurisdiction).values(row))
    connection.commit()
    migrator(database_url).downgrade("base", silent, NOW)
    assert shape_of(database_url) == {}


@pytest.mark.anyio
async def test_the_migrated_database_takes_a_case(database_url: str) -> None:
    await save_case(database_url)
    assert cases_in(database_url) == 1
