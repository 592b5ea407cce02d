"""onenet doctor, as an administrator runs it: what it prints, and its exit status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from onenet.clock import SystemClock
from onenet.resources import example_catalogue_dir
from onenet.services import catalogue
from onenet.store.database import Database
from tests.cli.commands import run
from tests.databases import sqlite_file
from tests.domain.walk import begin
from tests.issuing import issuing
from tests.services.damage import BUNDLE, save_numbered
from tests.store.seeding import save_department

pytestmark = pytest.mark.anyio

ON_SQLITE = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
"""The tests' PostgreSQL does without fsync, which is a finding of its own."""


def doctor(url: str, *words: str, **more: str) -> tuple[int, str, str]:
    """Exit status, standard output, standard error."""
    return run(url, "doctor", *words, **more)


@ON_SQLITE
def test_where_nothing_is_wrong_it_ends_well(database_url: str) -> None:
    run(database_url, "catalogue", "publish")
    run(database_url, "key", "create", "frontend", "app")
    status, said, _ = doctor(database_url, "--invariants")
    assert (status, "finding" in said) == (0, False)
    assert said.endswith("0 violations of I1 to I8\n")


@ON_SQLITE
async def test_an_endpoint_that_may_not_be_called_is_told_with_what_allows_it(
    database: Database, database_url: str
) -> None:
    await save_department(database, "police", "http://10.20.0.1:9001/tasks")
    await save_department(database, "health", "http://localhost:9001/tasks")
    await save_department(database, "market", "https://169.254.169.254/")
    status, said, _ = doctor(database_url, ONENET_INNER_NETWORKS="192.0.2.0/24:9001")
    told = [line for line in said.splitlines() if "is not called" in line]
    where = "finding  endpoints: department"
    assert status == 1
    assert told[0].startswith(
        f"{where} police is not called: destination not allowed: 10.20.0.1, port 9001 (by the"
        " settings of this shell) ->"
    )
    assert told[0].endswith("ONENET_INNER_NETWORKS=10.20.0.1:9001")
    assert told[1].endswith(("ONENET_INNER_NETWORKS=127.0.0.1:9001", "ONENET_INNER_NETWORKS=[::1]:9001"))
    assert told[2].endswith(" -> register another address: nobody is ever called there")
    allowed = doctor(database_url, ONENET_INNER_NETWORKS="10.20.0.1:9001,127.0.0.1:9001,[::1]:9001")[1]
    assert [line for line in allowed.splitlines() if "is not called" in line] == told[2:]


@ON_SQLITE
def test_an_issuer_is_asked_what_it_publishes(database_url: str, tmp_path: Path) -> None:
    with issuing() as good, issuing() as away:
        away.is_down = True
        login = {"client_id": "console", "client_secret_file": str(tmp_path / "gone")}
        known = [
            good.settings(code="good"),
            away.settings(code="away"),
            good.settings(code="slip", url=f"{good.url}/"),
            good.settings(code="secretless", login=login),
        ]
        said = []
        for pair in (known[:2], known[2:]):  # the settings refuse two issuers with one URL
            told = json.dumps([each.model_dump(mode="json", exclude_none=True) for each in pair])
            _, printed, _ = doctor(database_url, ONENET_ISSUERS=told)
            said += [line for line in printed.splitlines() if " issuers: " in line]
    assert [line.partition(" -> ")[0].partition(": compare")[0] for line in said] == [
        "ok       issuers: good publishes 1 keys that can be used",
        "finding  issuers: away: status 503",
        "finding  issuers: slip: the metadata are those of another issuer",
        f"finding  issuers: secretless: {tmp_path / 'gone'}: No such file or directory",
    ]


@ON_SQLITE
async def test_a_case_that_breaks_an_invariant_is_told_with_what_to_do(
    database_url: str, database: Database
) -> None:
    """The bundle of these cases was never published: nobody can read them."""
    await save_numbered(database, [begin(BUNDLE)])
    await catalogue.publish(database, example_catalogue_dir(), SystemClock())
    status, said, _ = doctor(database_url, "--invariants", "--json")
    report = json.loads(said)
    assert status == 1
    assert [finding["invariant"] for finding in report["invariants"]] == ["I8"]
    assert all(finding["advice"] for finding in report["invariants"])


async def test_each_check_has_a_line_on_both_engines(database_url: str) -> None:
    _, said, _ = doctor(database_url, "--json")
    checks = {remark["check"] for remark in json.loads(said)["checks"]}
    assert checks == {
        "settings", "revision", "durability", "clock", "catalogue", "keys", "endpoints", "held steps",
        "held timers", "due task", "due delivery", "due poll", "due timer", "due case", "encryption",
        "record",
    }  # fmt: skip


def test_tables_that_are_behind_are_a_finding(empty_database_url: str) -> None:
    status, said, _ = doctor(empty_database_url)
    assert status == 1
    assert "revision: the tables are at revision base" in said
    assert "onenet db upgrade" in said


def test_a_database_that_cannot_be_reached_is_a_finding(tmp_path: Path) -> None:
    status, said, _ = doctor(f"postgresql://nobody@/nothing?host={tmp_path}")
    assert status == 1
    assert "finding  database:" in said


@ON_SQLITE
def test_a_wrong_setting_is_misuse(database_url: str) -> None:
    status, _, error = doctor(database_url, ONENET_PORT="x")
    assert (status, "ONENET_PORT" in error) == (2, True)


@ON_SQLITE
def test_the_demo_s_clock_is_a_warning(database_url: str) -> None:
    assert sqlite_file(database_url).exists()
    _, said, _ = doctor(database_url, ONENET_CLOCK_SPEED="5")
    assert "warning  settings" in said
