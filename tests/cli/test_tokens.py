"""onenet token revoke, and the codes that front-ends and issuers must not share."""

from __future__ import annotations

import json

import pytest

from tests.cli.commands import run

pytestmark = pytest.mark.parametrize("backend", ["sqlite"], indirect=True)

ISSUERS = json.dumps(
    [
        {
            "code": "city-id",
            "url": "https://id.example",
            "audience": "https://onenet.example",
            "roles": ["citizen"],
        }
    ]
)


def test_a_token_or_a_subject_is_taken_back(database_url: str) -> None:
    words = ("token", "revoke", "city-id")
    one = run(database_url, *words, "--token-id", "t-1", ONENET_ISSUERS=ISSUERS)
    assert one == (0, "the token is refused from now on\n", "")
    all_of_one = (*words, "--subject", "s-1", "--before", "2026-11-25T21:30:00")
    said = "tokens issued before 2026-11-25T21:30:00Z are refused; log-ins that ended: 0\n"
    assert run(database_url, *all_of_one, ONENET_ISSUERS=ISSUERS) == (0, said, "")


@pytest.mark.parametrize("which", [(), ("--token-id", "t", "--subject", "s")])
def test_what_is_to_be_taken_back_is_said_once(database_url: str, which: tuple[str, ...]) -> None:
    status, _, told = run(database_url, "token", "revoke", "city-id", *which, ONENET_ISSUERS=ISSUERS)
    assert (status, told) == (2, "onenet: expected either --token-id or --subject\n")


def test_an_issuer_that_is_not_configured_is_told(database_url: str) -> None:
    status, _, told = run(
        database_url, "token", "revoke", "nobody", "--token-id", "t", ONENET_ISSUERS=ISSUERS
    )
    assert (status, told) == (2, "onenet: no issuer of that code is configured; there are: city-id\n")


def test_a_front_end_cannot_have_the_code_of_an_issuer(database_url: str) -> None:
    status, _, told = run(database_url, "key", "create", "frontend", "city-id", ONENET_ISSUERS=ISSUERS)
    assert (status, told) == (2, "onenet: city-id is the code of an issuer of tokens: choose another one\n")


def test_a_service_does_not_start_where_both_have_the_same_code(database_url: str) -> None:
    run(database_url, "key", "create", "frontend", "city-id")
    status, _, told = run(database_url, "serve", "--port", "0", ONENET_ISSUERS=ISSUERS)
    assert status == 2
    assert "the code city-id is that of a front-end with a live key" in told
