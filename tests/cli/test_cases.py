"""onenet case list, as an administrator runs it: which cases it shows, and what it refuses."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
from sqlalchemy import insert

from onenet.catalogue.build import content_text
from onenet.domain.outcome import Completed, Unclear
from onenet.store import catalogue, numbers, tables
from onenet.store.catalogue import Version
from onenet.store.database import Database
from tests.cli.commands import run
from tests.domain.walk import begin
from tests.factories import NOW
from tests.store.seeding import save_new

pytestmark = pytest.mark.anyio


async def test_held_steps_are_listed_with_their_reason_the_longest_held_first(
    database_url: str, database: Database
) -> None:
    walks = [begin(at=NOW + timedelta(hours=hours)) for hours in (2, 1, 0)]
    for walk in walks[:2]:
        walk.attempt("household", Unclear("not JSON"))
    await save_new(database, walks)
    status, said, _ = run(database_url, "case", "list", "--held", "--json")
    found = [(each["id"], each["step"], each["wait_reason"], each["since"]) for each in json.loads(said)]
    assert (status, found) == (
        0,
        [
            (str(walks[1].case.id), "household", "unclear_answer", "2026-11-23T02:00:00+00:00"),
            (str(walks[0].case.id), "household", "unclear_answer", "2026-11-23T03:00:00+00:00"),
        ],
    )


async def test_a_held_step_is_a_line_for_people(database_url: str, database: Database) -> None:
    walk = begin()
    walk.attempt("household", Unclear("not JSON"))
    await save_new(database, [walk])
    _, said, _ = run(database_url, "case", "list", "--held")
    words = [walk.case.number, "household", "police", "unclear_answer", "since", "2026-11-23T01:00:00Z"]
    assert said.split() == words


@pytest.mark.parametrize(("state", "shown"), [("received", 1), ("rejected", 0)])
async def test_held_steps_of_cases_in_one_state_are_listed(
    database_url: str, database: Database, state: str, shown: int
) -> None:
    walk = begin()
    walk.attempt("household", Unclear("not JSON"))
    await save_new(database, [walk])
    status, said, _ = run(database_url, "case", "list", "--held", "--state", state)
    assert (status, len(said.splitlines())) == (0, shown)


@pytest.mark.parametrize("backend", ["sqlite"], indirect=True)
def test_a_state_that_there_is_not_is_misuse(database_url: str) -> None:
    status, _, error = run(database_url, "case", "list", "--state", "lost")
    assert (status, "partly_completed" in error) == (2, True)


def test_a_state_that_there_is_is_taken(database_url: str) -> None:
    assert run(database_url, "case", "list", "--state", "partly_completed")[:2] == (0, "")


async def test_a_held_case_is_erased_only_after_the_hold_is_lifted(
    database_url: str, database: Database
) -> None:
    walk = begin()
    walk.answer("household", Completed((), "granted"))
    await save_new(database, [walk])
    bundle = walk.case.bundle
    async with database.transaction() as connection:
        version = Version(bundle.code, bundle.version, "0" * 64, NOW)
        await catalogue.add(connection, version, content_text(bundle))
        await connection.execute(
            insert(tables.case_number), numbers.row("suzhou", walk.case.number, walk.case.id)
        )
    number = walk.case.number
    assert run(database_url, "case", "hold", number, "--reason", "lawsuit")[0] == 0
    assert "  under legal hold since" in run(database_url, "case", "show", number)[1]
    words = run(database_url, "case", "list", "--legal-hold")[1].split()
    assert (words[:2], words[3:]) == ([number, "since"], ["lawsuit"])
    status, _, error = run(database_url, "case", "erase", number, "--basis", "asked")
    assert (status, error) == (2, "onenet: the case is under legal hold\n")
    assert run(database_url, "case", "lift", number)[0] == 0
    status, said, _ = run(database_url, "case", "erase", number, "--basis", "asked")
    assert (status, said) == (0, f"{number} is erased\n")
    shown = json.loads(run(database_url, "case", "show", number, "--json")[1])
    assert (shown["legal_hold"], shown["erasure"]["basis"]) == (None, "asked")
    _, said, _ = run(database_url, "case", "events", number)
    assert said.splitlines()[-1].split()[2:] == ["data.erased", "operator:command_line"]
