"""onenet key list: which keys there are, and nothing that opens anything."""

from __future__ import annotations

import json
import re

import pytest

from tests.cli.commands import run

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)


def made(url: str, *words: str) -> str:
    """The token of a key that is made now."""
    status, said, _ = run(url, "key", "create", *words, "--json")
    assert status == 0
    token: str = json.loads(said)["token"]
    return token


def test_each_key_is_listed_with_its_owner_and_its_end(database_url: str) -> None:
    app, ops = made(database_url, "frontend", "app"), made(database_url, "administrator", "ops")
    run(database_url, "key", "revoke", ops[4:12])
    _, said, _ = run(database_url, "key", "list", "--json")
    listed = json.loads(said)
    assert [(key["public"], key["kind"], key["client"], key["live"]) for key in listed] == [
        (app[4:12], "frontend", "app", True),
        (ops[4:12], "administrator", "ops", False),
    ]
    assert [key["revoked_at"] is None for key in listed] == [True, False]
    assert all(key["created_at"] < key["expires_at"] for key in listed)


def test_a_line_says_how_a_key_ends(database_url: str) -> None:
    made(database_url, "frontend", "app")
    ops = made(database_url, "administrator", "ops")
    run(database_url, "key", "revoke", ops[4:12])
    _, said, _ = run(database_url, "key", "list")
    first, second = said.splitlines()
    moment = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ"
    assert re.fullmatch(rf"onk_\w{{8}}  frontend +app +created {moment}  expires {moment}  not used", first)
    ended = rf"onk_{ops[4:12]}  administrator +ops +created {moment}  revoked {moment}  not used"
    assert re.fullmatch(ended, second)


@pytest.mark.parametrize("words", [[], ["--json"]])
def test_no_secret_is_listed(database_url: str, words: list[str]) -> None:
    token = made(database_url, "frontend", "app")
    _, said, _ = run(database_url, "key", "list", *words)
    assert token[4:12] in said
    assert token[13:] not in said
    assert "hash" not in said


def test_a_key_is_listed_with_where_it_may_be_used_and_what_it_may(database_url: str) -> None:
    made(database_url, "frontend", "app", "--network", "10.1.0.0/16", "--scope", "catalogue:read")
    _, said, _ = run(database_url, "key", "list", "--json")
    (key,) = json.loads(said)
    assert (key["networks"], key["scopes"], key["last_used_at"]) == (
        ["10.1.0.0/16"],
        ["catalogue:read"],
        None,
    )
    assert run(database_url, "key", "list")[1].rstrip().endswith("not used  only from 10.1.0.0/16")


def test_a_rotation_keeps_the_scopes_and_says_what_a_new_key_has_also(database_url: str) -> None:
    narrow = made(database_url, "auditor", "city", "--scope", "cases:read")
    status, _, note = run(database_url, "key", "rotate", narrow[4:12])
    assert (status, note.startswith("note: a key made anew has also: "), "tickets:read" in note) == (
        0,
        True,
        True,
    )
    whole = made(database_url, "auditor", "county")
    assert run(database_url, "key", "rotate", whole[4:12])[::2] == (0, "")


def test_a_department_and_a_jurisdiction_that_the_catalogue_does_not_know_are_told(database_url: str) -> None:
    status, _, error = run(database_url, "key", "create", "department", "nope", "--jurisdiction", "nowhere")
    assert (status, error.splitlines()) == (
        0, [
            "warning: no department nope in the published catalogue",
            "warning: no jurisdiction nowhere in the published catalogue",
        ],
    )  # fmt: skip
    assert run(database_url, "key", "create", "frontend", "nope")[2] == ""


def test_the_key_encryption_key_in_use_is_known_without_the_key(database_url: str) -> None:
    run(database_url, "key", "list")
    assert run(database_url, "kek", "list")[1].split()[:4] == ["1", "std", "in", "use"]
    assert run(database_url, "kek", "list", ONENET_KEK="")[1].split()[:4] == ["1", "std", "in", "use"]
