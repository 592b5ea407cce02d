"""department add --description, and dry-run: what a description is worth, before anybody is called."""

from __future__ import annotations

import base64
import json
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import select

from onenet.resources import example_descriptions_dir
from onenet.services import endpoints
from onenet.store import tables
from onenet.store.database import Database
from tests.cli.commands import run

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]

WITH_PASSWORD = """\
request: {body: {}}
answer: {word: /state, words: {ok: {outcome: accepted}}}
auth: {basic: {user: onenet, password: "${/pass}"}}
"""
EXCHANGE_LIST = str(example_descriptions_dir() / "exchange_list.yaml")


async def test_a_department_is_added_with_its_description(database: Database, database_url: str) -> None:
    where = ("--url", "http://127.0.0.1:9", "--adapter", "rest")
    status, _, error = run(database_url, "department", "add", "urban", *where, "--description", EXCHANGE_LIST)
    assert (status, "is reached" in error, "withdrawals" in error) == (0, False, False)
    (kept,) = await endpoints.list_endpoints(database)
    assert kept.options["answer"]["word"] == "/code"


async def test_credentials_come_from_files_stay_and_are_sealed(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "d.yaml").write_text(WITH_PASSWORD, encoding="utf-8")
    (tmp_path / "pass").write_text("geheim\n", encoding="utf-8")
    words = ("department", "add", "urban", "--url", "http://127.0.0.1:9", "--adapter", "rest",
             "--description", str(tmp_path / "d.yaml"))  # fmt: skip
    status, _, error = run(database_url, *words)
    assert (status, "expected the credentials pass as well" in error) == (2, True)
    assert run(database_url, *words, "--credential", f"pass={tmp_path / 'pass'}")[0] == 0
    status, _, error = run(database_url, *words)
    assert (status, "of withdrawals a person of department urban is told" in error) == (0, True)
    elsewhere = [word.replace("127.0.0.1:9", "127.0.0.1:99") for word in words]
    status, _, error = run(database_url, *elsewhere)
    assert (status, "expected the credentials pass as well" in error) == (2, True)
    (kept,) = await endpoints.list_endpoints(database)
    assert kept.credentials == {"pass": "geheim"}
    async with database.read() as connection:
        rows = (await connection.execute(select(tables.endpoint))).mappings().all()
    assert "geheim" not in str([dict(row) for row in rows])
    said = run(database_url, "department", "dry-run", str(tmp_path / "d.yaml"))[1]
    assert f"authorization: Basic {base64.b64encode(b'onenet:***').decode()}" in said


async def test_a_description_with_faults_is_told_and_nothing_is_kept(
    database: Database, database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "d.yaml").write_text("request: {path: x}\n", encoding="utf-8")
    where = ("--url", "http://127.0.0.1:9", "--adapter", "rest", "--description", str(tmp_path / "d.yaml"))
    status, said, _ = run(database_url, "department", "add", "urban", *where)
    assert (status, "d.yaml:1:10: error: the key body is missing [missing_key]" in said) == (1, True)
    assert await endpoints.list_endpoints(database) == []


async def test_a_dry_run_shows_the_request_and_what_an_answer_means(
    database_url: str, tmp_path: Path
) -> None:
    (tmp_path / "yes.json").write_text('{"code": 11, "opinion": "准予办理"}', encoding="utf-8")
    status, said, _ = run(
        database_url, "department", "dry-run", EXCHANGE_LIST, "--answer", str(tmp_path / "yes.json")
    )
    first, *_, body, _, outcome = said.rstrip("\n").split("\n")
    assert (status, first) == (0, "POST http://department.example/tasks")
    assert json.loads(body)["case_no"] == "32050820261123000002"
    assert json.loads(outcome) == {
        "kind": "Completed", "opinion": "准予办理", "results": [], "deficiency_open": False,
    }  # fmt: skip


def test_a_dry_run_asks_by_the_number_of_the_recorded_answer(database_url: str, tmp_path: Path) -> None:
    """With what the shipped description has in its comments."""
    shipped = Path(EXCHANGE_LIST).read_text(encoding="utf-8")
    asking = re.sub("^( *)# (poll:|  every|  path|reference)", r"\1\2", shipped, flags=re.MULTILINE)
    for name, said in {"d.yaml": asking, "yes.json": '{"number": 7}', "poll.json": '{"code": 8}'}.items():
        (tmp_path / name).write_text(said, encoding="utf-8")
    recorded = ("--answer", str(tmp_path / "yes.json"), "--poll", str(tmp_path / "poll.json"))
    status, said, _ = run(database_url, "department", "dry-run", str(tmp_path / "d.yaml"), *recorded)
    lines = said.rstrip("\n").split("\n")
    assert status == 0
    assert "GET http://department.example/tasks/7" in lines
    assert [json.loads(line) for line in lines[-2:]] == [
        {"kind": "Received", "reference": "7", "poll_after_s": 300}, {"kind": "Accepted"},
    ]  # fmt: skip


async def test_a_dry_run_of_an_unclear_callback_is_found_wanting(database_url: str, tmp_path: Path) -> None:
    (tmp_path / "odd.json").write_text('{"task": "tsk_1", "code": 99}', encoding="utf-8")
    status, said, _ = run(
        database_url, "department", "dry-run", EXCHANGE_LIST, "--callback", str(tmp_path / "odd.json")
    )
    assert (status, "Unclear" in said) == (1, True)


async def test_a_secret_is_shown_when_it_is_new_and_never_again(
    database: Database, database_url: str
) -> None:
    add = ("department", "add", "urban", "--url")
    shown = run(database_url, *add, "http://127.0.0.1:9")[1]
    (made,) = await endpoints.list_endpoints(database)
    assert f"signing secret, shown only now: {made.secrets[0]}\n" in shown
    again = run(database_url, *add, "http://127.0.0.1:99")[1]
    assert "the signing secret stays as it is\n" in again
    told = run(database_url, *add, "http://127.0.0.1:9", "--json")[1]
    assert json.loads(told)["secret"] is None
    assert "whsec_" not in again + told
    (kept,) = await endpoints.list_endpoints(database)
    assert kept.secrets == made.secrets


async def test_what_an_adapter_misses_is_said_in_its_own_words(database: Database, database_url: str) -> None:
    add = ("department", "add", "urban", "--url", "http://127.0.0.1:9", "--adapter")
    status, _, error = run(database_url, *add, "rest")
    assert (status, error) == (2, "onenet: the description: the key request is missing\n")
    status, _, error = run(database_url, *add, "rset")
    assert (status, "expected an installed adapter (" in error) == (2, True)
    assert await endpoints.list_endpoints(database) == []


def test_a_department_whose_callbacks_nobody_can_believe_is_told_of(database_url: str) -> None:
    key = "whpk_" + base64.b64encode(bytes(32)).decode()
    add = ("department", "add", "urban", "--url", "http://127.0.0.1:9", "--signs")
    told = "no callback of department urban will be believed"
    said = [
        run(database_url, *add, "v1a")[2],
        run(database_url, "doctor")[1],
        run(database_url, "department", "trust", "urban", key)[2],
        run(database_url, "department", "distrust", "urban", key)[2],
    ]
    assert [told in each for each in said] == [True, True, False, True]


def test_an_option_without_a_value_is_told_with_what_was_expected(database_url: str) -> None:
    add = ("department", "add", "urban", "--url", "http://127.0.0.1:9")
    status, _, error = run(database_url, *add, "--option", "x")
    assert (status, "Invalid value for --option: expected name=value" in " ".join(error.split())) == (2, True)


def test_the_data_folder_is_only_named_where_it_is_what_is_missing(database_url: str, tmp_path: Path) -> None:
    missing = tmp_path / "gone" / "file"
    export = ("log", "export", str(missing))
    elsewhere = run(database_url, *export, ONENET_DATA_DIR=str(tmp_path / "data"))
    assert elsewhere == (2, "", f"onenet: {missing}: No such file or directory\n")
    inside = run(database_url, *export, ONENET_DATA_DIR=str(missing.parent))
    assert inside == (2, "", f"onenet: {missing}: No such file or directory (see ONENET_DATA_DIR)\n")


async def test_a_department_that_swaps_rows_is_added_by_the_url_of_its_database(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What cannot be read yet is a warning: tables may be made later. No password is shown."""
    monkeypatch.setenv("ONENET_EXCHANGE_DIR", str(tmp_path))
    monkeypatch.setenv("ONENET_INNER_NETWORKS", "127.0.0.1:9")
    (tmp_path / "url").write_text("postgresql://onenet:geheim@127.0.0.1:9/urban\n", encoding="utf-8")
    words = ("department", "add", "urban", "--adapter", "exchange_table")
    assert "--credential url=FILE" in run(database_url, *words)[2]
    status, said, error = run(database_url, *words, "--credential", f"url={tmp_path / 'url'}")
    shown = "postgresql://onenet:***@127.0.0.1:9/urban"
    assert (status, said.splitlines()[-1]) == (0, f"urban swaps rows at {shown} (exchange_table)")
    assert "warning: its answers cannot be read now: no connection" in error
    listed = run(database_url, "department", "list")[1]
    assert shown in listed
    doctor = run(database_url, "doctor")[1]
    assert "exchange: answers of department urban were never looked for" in doctor
    assert "geheim" not in said + error + listed + doctor


def test_the_tables_that_are_told_can_be_made(tmp_path: Path, database_url: str) -> None:
    status, said, _ = run(database_url, "department", "exchange-ddl", "sqlite")
    assert status == 0
    with closing(sqlite3.connect(tmp_path / "their.sqlite3")) as connection:
        connection.executescript(said)
        assert connection.execute("SELECT count(*) FROM onenet_answer").fetchone() == (0,)
