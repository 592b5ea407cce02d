"""`onenet log`: seal, print the key, verify, export, and verify what was exported with no database at all."""

from __future__ import annotations

import json
from base64 import b64encode
from pathlib import Path

import pytest
from sqlalchemy import delete, insert, select

from onenet.crashing import STATUS
from onenet.domain.outcome import Completed
from onenet.services import anchor as anchors
from onenet.services import record
from onenet.services.elsewhere import Kept
from onenet.store import log as store_log
from onenet.store import log_tables, numbers, tables
from onenet.store.database import Database
from tests.cli.commands import run
from tests.domain.walk import begin
from tests.keys import KEK
from tests.store.seeding import save_new

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]


async def seeded(database: Database) -> int:
    walks = [begin() for _ in range(3)]
    await save_new(database, walks)
    return sum(len(walk.events) for walk in walks)


def add_a_line(file: str) -> None:
    with Path(file).open("ab") as out:
        out.write(b"{}\n")


async def test_the_record_is_sealed_exported_and_verified_elsewhere(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    events = await seeded(database)
    file, anchor = str(tmp_path / "export.jsonl"), str(tmp_path / "anchor")
    sealed = run(database_url, "log", "seal", ONENET_LOG_ANCHOR_FILE=anchor)
    assert sealed == (0, f"{events} events sealed\n", "")
    _, key, _ = run(database_url, "log", "key")
    assert run(database_url, "log", "export", file)[0] == 0
    nowhere = "sqlite:////nowhere/at/all.sqlite3"
    where = ("log", "verify", "--from-export", file, "--anchor", anchor, "--key", key.strip())
    status, told, said = run(nowhere, *where)
    assert (status, said) == (0, "")
    assert told.endswith(f"3 cases, {events} events, 0 found\n")
    add_a_line(file)
    status, told, _ = run(nowhere, *where, "--json")
    assert status == 1
    assert [each["kind"] for each in json.loads(told)["tamperings"]] == ["export_malformed"]


async def test_an_anchor_of_another_log_is_told_in_a_sentence_by_the_sealer_and_the_doctor(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await seeded(database)
    anchor = str(tmp_path / "anchor")
    assert run(database_url, "log", "seal", ONENET_LOG_ANCHOR_FILE=anchor)[0] == 0
    async with database.transaction() as connection:
        await connection.execute(delete(log_tables.log_checkpoint))
    status, _, said = run(database_url, "log", "seal", ONENET_LOG_ANCHOR_FILE=anchor)
    assert (status, len(said.splitlines())) == (2, 1)
    assert said.startswith(f"onenet: the last checkpoint in {anchor}")
    status, told, _ = run(database_url, "doctor", ONENET_LOG_ANCHOR_FILE=anchor)
    assert (status, f"finding  record: the last checkpoint in {anchor}" in told) == (1, True)


async def test_private_parts_that_were_not_checked_are_told(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    walk = begin()
    walk.attempt("household", Completed((), "approved"))
    await save_new(database, [walk])
    bare, whole = str(tmp_path / "bare"), str(tmp_path / "whole")
    assert run(database_url, "log", "export", bare)[0] == 0
    assert run(database_url, "log", "export", whole, "--private")[0] == 0
    for words, key, why in (
        ((), KEK, ""),
        ((), "", "no key-encryption key"),
        (("--from-export", bare), "", "the export is without them"),
        (("--from-export", whole), "", ""),
    ):
        status, told, _ = run(database_url, "log", "verify", *words, ONENET_KEK=key)
        line = f"private parts not checked: {why}\n"
        assert (status, line in told, "not checked" in told) == (0, bool(why), bool(why)), words
    status, told, _ = run(database_url, "log", "verify", "--json", ONENET_KEK="")
    assert (status, json.loads(told)["private_unchecked"]) == (0, "no key-encryption key")


async def test_what_a_department_kept_is_compared_with_the_log(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    await seeded(database)
    run(database_url, "log", "seal")
    async with database.read() as connection:
        newest = await store_log.newest(connection)
    assert newest is not None
    kept, other = tmp_path / "kept", tmp_path / "other"
    kept.write_bytes(b64encode(newest.encode()) + b"\n")
    other.write_text("nothing\n")
    status, told, _ = run(database_url, "log", "verify", "--witness", str(kept))
    assert status == 0
    assert "1 of 1 checkpoints that witnesses kept are in the log\n" in told
    status, told, _ = run(database_url, "log", "verify", "--witness", str(kept), "--witness", str(other))
    assert status == 1
    assert "log: witness_altered copy 1\n" in told


async def test_what_exists_is_not_exported_over(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "export").write_text("mine")
    status, _, said = run(database_url, "log", "export", str(tmp_path / "export"))
    assert (status, (tmp_path / "export").read_text()) == (2, "mine")
    assert "name another file" in " ".join(said.split())


async def test_one_case_is_exported_by_its_number(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    walk = begin()
    await save_new(database, [walk])
    async with database.transaction() as connection:
        number = numbers.row("suzhou", walk.case.number, walk.case.id)
        await connection.execute(insert(tables.case_number), number)
    run(database_url, "log", "seal")
    exported = []
    for name, case in (("by number", walk.case.number), ("by id", str(walk.case.id))):
        assert run(database_url, "log", "export", str(tmp_path / name), "--case", case)[0] == 0
        exported.append((tmp_path / name).read_text())
    assert str(walk.case.id) in exported[0]
    assert exported[0] == exported[1]
    status, _, said = run(database_url, "log", "export", str(tmp_path / "none"), "--case", "nothing")
    assert (status, said, (tmp_path / "none").exists()) == (2, "onenet: no case nothing\n", False)


@pytest.mark.parametrize(("point", "is_there"), [("before_seal_commit", False), ("after_seal_commit", True)])
async def test_a_sealer_that_is_killed_loses_nothing_and_doubles_nothing(
    database: Database, database_url: str, tmp_path: Path, point: str, is_there: bool
) -> None:
    """`is_there`: whether the first checkpoint is, which shows that the process died where it was to."""
    events = await seeded(database)
    anchor = tmp_path / "anchor"
    at = {"ONENET_TEST_MODE": "true", "ONENET_CRASH": f"{point}:1", "ONENET_LOG_ANCHOR_FILE": str(anchor)}
    assert run(database_url, "log", "seal", **at)[0] == STATUS
    async with database.read() as connection:
        for table in (log_tables.log_checkpoint, log_tables.log_leaf):
            assert bool((await connection.execute(select(table))).all()) == is_there
    assert not anchor.exists()
    assert run(database_url, "log", "seal", ONENET_LOG_ANCHOR_FILE=str(anchor))[0] == 0
    verdict = await record.verify(database, Kept(anchor=list(anchors.lines(anchor))))
    assert (verdict.tamperings, verdict.sealed, verdict.events) == ((), events, events)
    assert len(anchor.read_text().splitlines()) == verdict.checkpoints
