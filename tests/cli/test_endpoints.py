"""onenet endpoint remove: only what nothing will ever be sent to."""

from __future__ import annotations

import json

import pytest

from onenet.clock import SystemClock
from onenet.resources import example_catalogue_dir
from onenet.services import catalogue
from onenet.store.database import Database
from tests.cli.commands import run
from tests.store.seeding import save_department, save_open_cases

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]


def test_a_department_at_an_inner_address_is_registered_when_its_network_is_allowed(
    database_url: str,
) -> None:
    words = ("department", "add", "police", "--url", "http://10.20.0.1:9001/tasks")
    status, said, told = run(database_url, *words, ONENET_INNER_NETWORKS="")
    assert (status, said) == (2, "")
    assert "ONENET_INNER_NETWORKS=10.20.0.1:9001" in told
    assert "onenet: expected https on port 443 or 8443 of the public Internet" in told
    status, said, _ = run(database_url, *words, ONENET_INNER_NETWORKS="10.20.0.0/16:9000-9999")
    assert (status, said.splitlines()[0]) == (0, "police is reached at http://10.20.0.1:9001/tasks (webhook)")


def test_a_name_that_leads_inward_is_registered_with_a_warning(database_url: str) -> None:
    """It may lead elsewhere tomorrow; calls are refused until it does."""
    words = ("department", "add", "police", "--url", "https://localhost/tasks")
    status, said, told = run(database_url, *words, ONENET_INNER_NETWORKS="")
    assert (status, "police is reached at" in said) == (0, True)
    assert "warning: destination not allowed: " in told


async def test_the_endpoint_of_a_misspelt_department_is_taken_away(
    database: Database, database_url: str
) -> None:
    await save_department(database, "polcie", "http://127.0.0.1:9/")
    status, said, _ = run(database_url, "endpoint", "remove", "polcie")
    assert (status, said) == (0, "polcie is no longer reached at http://127.0.0.1:9/\n")
    assert run(database_url, "department", "list")[1] == ""
    status, _, error = run(database_url, "endpoint", "remove", "polcie")
    assert (status, error) == (2, "onenet: department polcie has no endpoint\n")


async def test_the_endpoint_of_a_department_of_the_catalogue_stays(
    database: Database, database_url: str
) -> None:
    await catalogue.publish(database, example_catalogue_dir(), SystemClock())
    await save_department(database, "police", "http://127.0.0.1:9/")
    status, _, error = run(database_url, "endpoint", "remove", "police")
    assert (status, "the catalogue knows department police" in error) == (2, True)
    assert "police" in run(database_url, "department", "list")[1]


async def test_the_endpoint_that_tasks_wait_for_stays(database: Database, database_url: str) -> None:
    """The catalogue knew the department when the case came in."""
    await save_open_cases(database, 1)
    await save_department(database, "police", "http://127.0.0.1:9/")
    status, _, error = run(database_url, "endpoint", "remove", "police")
    assert (status, error) == (2, "onenet: 1 tasks wait for department police\n")


async def test_a_department_s_keys_are_trusted_and_distrusted(database: Database, database_url: str) -> None:
    await save_department(database, "police", "http://127.0.0.1:9/")
    first, second = "whpk_" + "A" * 43 + "=", "whpk_" + "E" * 43 + "="
    assert run(database_url, "department", "trust", "police", first)[:2] == (
        0, f"police signs callbacks with {first}\n",
    )  # fmt: skip
    run(database_url, "department", "trust", "police", second)
    status, said, _ = run(database_url, "department", "distrust", "police", first)
    assert (status, said) == (0, f"police signs callbacks with {second}\n")


async def test_what_is_no_public_key_is_refused_with_what_was_expected(
    database: Database, database_url: str
) -> None:
    await save_department(database, "police", "http://127.0.0.1:9/")
    status, _, error = run(database_url, "department", "trust", "police", "whsec_AAAA")
    assert (status, error) == (2, "onenet: expected a key that is whpk_ and the base64 of 32 bytes\n")


def test_an_endpoint_of_keys_alone_shows_public_ones_and_never_a_secret(database_url: str) -> None:
    added = ("department", "add", "police", "--url", "http://127.0.0.1:9/", "--signs")
    _, said, _ = run(database_url, *added, "v1a", "--json")
    made = json.loads(said)
    trusted = "whpk_" + "A" * 43 + "="
    run(database_url, "department", "trust", "police", trusted)
    _, shown, _ = run(database_url, "endpoint", "keys", "--json")
    row = {"owner": "police", "kind": "department"}
    assert json.loads(shown) == [
        {**row, "of": "onenet", "key": made["public_key"]}, {**row, "of": "department", "key": trusted},
    ]  # fmt: skip
    assert made["secret"] is None
    status, _, error = run(database_url, *added, "v1a", "--secret", "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    assert (status, error) == (2, "onenet: a secret is for v1: leave it out, or sign with both\n")
