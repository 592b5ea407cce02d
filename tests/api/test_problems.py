"""Problems: their shape, their words, their pages."""

from __future__ import annotations

from typing import Any

import httpx2
import jsonschema_rs
import pytest

from onenet.api.problems import RequestMark, problem, problem_type, problem_types
from onenet.app import Application
from onenet.errors import Fault, IllegalMove, InvalidInput, MisconfiguredError, OnenetError, StaleWrite

pytestmark = pytest.mark.anyio

RFC_9457: dict[str, Any] = {
    "$schema": "https://json-schema.org/draft/2020-12/schema",
    "type": "object",
    "properties": {
        "type": {"type": "string", "format": "uri-reference"},
        "title": {"type": "string"},
        "status": {"type": "integer", "minimum": 100, "maximum": 599},
        "detail": {"type": "string"},
        "instance": {"type": "string", "format": "uri-reference"},
    },
}
"""The JSON Schema that accompanies RFC 9457 (appendix A)."""


def written(error: OnenetError, language: Any = "en") -> dict[str, Any]:
    return problem(error, public_url="https://onenet.example", language=language, mark=RequestMark("r"))


def test_every_problem_has_words_in_both_languages_and_fits_the_standard() -> None:
    valid = jsonschema_rs.Draft202012Validator(RFC_9457, validate_formats=True)
    for kind in problem_types().values():
        assert kind.titles["zh"]
        assert kind.titles["en"]
        assert kind.titles["zh"] != kind.titles["en"]
    for language in ("zh", "en"):
        assert valid.is_valid(written(InvalidInput("x"), language))


def test_a_narrower_error_is_reported_under_the_title_of_its_type() -> None:
    """`title` is fixed for each type; what is special about this one is its detail."""
    for error in (IllegalMove("received -> accepted"), StaleWrite("x")):
        assert written(error)["title"] == "The present state does not allow this"
    assert problem_type(MisconfiguredError).code == "internal"


def test_at_most_twenty_faults_are_listed_and_pointers_are_cut() -> None:
    faults = tuple(Fault("x", "错", "wrong", pointer="/" + "a" * 500) for _ in range(50))
    listed = written(InvalidInput(faults=faults))["errors"]
    assert len(listed) == 20
    assert all(len(fault["pointer"]) == 64 for fault in listed)


async def test_title_and_detail_follow_accept_language_and_faults_are_in_both(
    frontend: httpx2.AsyncClient,
) -> None:
    path = "/v1/bundles?limit=0"
    zh = await frontend.get(path, headers={"Accept-Language": "zh-CN,zh;q=0.9,en;q=0.8"})
    en = await frontend.get(path, headers={"Accept-Language": "en-GB"})
    assert (zh.json()["title"], zh.headers["content-language"]) == ("请求与其说明不符", "zh-CN")
    assert zh.json()["detail"] == "共有 1 处不符合要求"
    assert en.json()["title"] == "The request does not match its description"
    assert zh.json()["errors"] == en.json()["errors"]
    assert zh.json()["errors"][0]["message_zh"] == "应不小于 1"
    assert zh.json()["errors"][0]["message_en"] == "Expected 1 or more"


async def test_every_type_is_documented_at_its_address(anonymous: httpx2.AsyncClient) -> None:
    for kind in problem_types().values():
        page = await anonymous.get(f"/problems/{kind.code}")
        assert page.status_code == 200
        assert kind.titles["zh"] in page.text
    assert (await anonymous.get("/problems/none-such")).status_code == 404


async def test_an_error_nobody_foresaw_is_a_problem_that_says_nothing_of_itself(
    app: Application, frontend: httpx2.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    async def broken(*_: Any) -> Any:
        raise ZeroDivisionError("secret-of-a-person")

    object.__setattr__(app.state.parts.catalogue, "bundles", broken)
    answer = await frontend.get("/v1/bundles", headers={"X-Request-Id": "the-request"})
    assert (answer.status_code, answer.headers["content-type"]) == (500, "application/problem+json")
    assert answer.json()["type"] == "https://onenet.example/problems/internal"
    assert answer.headers["x-content-type-options"] == "nosniff"
    logged = capsys.readouterr().out
    assert "secret-of-a-person" not in answer.text + logged
    assert "ZeroDivisionError" in logged
    assert "the-request" in logged
