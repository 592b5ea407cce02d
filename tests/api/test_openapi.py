"""The contract: valid, complete, the same as the committed one."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema_rs
import pytest
from openapi_spec_validator import validate

from onenet.api.contract import HEADER_PARAMETERS, PROBLEM_RESPONSES
from onenet.api.cross_origin import REQUEST_HEADERS
from onenet.app import contract
from onenet.domain.events import EVENT_KINDS

COMMITTED = Path(__file__).resolve().parents[2] / "openapi" / "openapi.json"


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    written: dict[str, Any] = json.loads(json.dumps(contract()))
    return written


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, item in document["paths"].items():
        for method, operation in item.items():
            yield f"{method.upper()} {path}", operation


def test_the_committed_contract_is_that_of_the_code(document: dict[str, Any]) -> None:
    assert json.loads(COMMITTED.read_text(encoding="utf-8")) == document, "run `python3 dev.py openapi`"


def test_the_contract_is_valid(document: dict[str, Any]) -> None:
    validate(document)
    assert document["openapi"] == "3.1.0"


def test_every_operation_says_who_it_is_for_and_what_it_answers(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        assert operation["operationId"].islower(), name
        assert operation["summary"], name
        assert len(operation["tags"]) == 1, name
        assert "security" in operation, name
        assert {"400", "405", "406", "500", "503"} <= set(operation["responses"]), name
        if operation["security"]:
            assert "401" in operation["responses"], name
        assert "422" not in operation["responses"] or "Idempotency-Key" in json.dumps(operation), name


def bodies(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for name, operation in operations(document):
        if "application/json" in operation.get("requestBody", {}).get("content", {}):
            yield f"{name} request", operation["requestBody"]["content"]["application/json"]
        for status, answer in operation["responses"].items():
            if "application/json" in answer.get("content", {}):
                yield f"{name} {status}", answer["content"]["application/json"]


def test_every_body_has_an_example_that_fits_its_schema(document: dict[str, Any]) -> None:
    without = ["GET /v1/openapi.json 200"]
    assert [name for name, body in bodies(document) if "example" not in body] == without
    for name, body in bodies(document):
        schema = {"components": document["components"], **body["schema"]}
        valid = jsonschema_rs.Draft202012Validator(schema, offline=True)
        wrong = [error.message for error in valid.iter_errors(body.get("example", {}))]
        assert (name, wrong) == (name, [])


def test_links_lead_to_operations_and_their_parameters(document: dict[str, Any]) -> None:
    by_id = {operation["operationId"]: operation for _, operation in operations(document)}
    links = by_id["submit_case"]["responses"]["202"]["links"]
    assert set(links) == {"read", "steps", "events", "withdrawal", "supplements", "ratings", "progress"}
    for link in links.values():
        target = by_id[link["operationId"]]
        known = {f"{parameter['in']}.{parameter['name']}" for parameter in target["parameters"]}
        assert set(link["parameters"]) <= known, link


def test_every_public_event_is_a_webhook(document: dict[str, Any]) -> None:
    public = {type.value for type, kind in EVENT_KINDS.items() if kind.public}
    assert set(document["webhooks"]) == public
    for hook in document["webhooks"].values():
        content = hook["post"]["requestBody"]["content"]["application/json"]
        assert content["schema"] == {"$ref": "#/components/schemas/WebhookMessage"}
        assert content["example"]["type"] in public


def test_requests_know_exactly_their_members_and_texts_are_limited(document: dict[str, Any]) -> None:
    schemas = document["components"]["schemas"]
    requests = [
        "CaseSubmission", "ApplicantWithCard", "ApplicantWithUscc", "ApplicantOtherwise", "MaterialShape",
        "SupplementSubmission", "Withdrawal", "StepDecision", "GuidanceRequest", "NewEndpoint",
    ]  # fmt: skip
    for name in requests:
        assert schemas[name]["additionalProperties"] is False, name
        for member, schema in schemas[name]["properties"].items():
            if schema.get("type") == "string" and "enum" not in schema and "const" not in schema:
                assert "pattern" in schema or "format" in schema, (name, member)


def test_problems_are_shared_components(document: dict[str, Any]) -> None:
    assert set(document["components"]["responses"]) == {name for name, _ in PROBLEM_RESPONSES.values()}


def test_a_limit_declares_no_maximum_as_it_is_cut_and_not_refused(document: dict[str, Any]) -> None:
    for name, operation in operations(document):
        for parameter in operation.get("parameters", ()):
            if parameter["name"] == "limit":
                assert "maximum" not in parameter["schema"], name


def test_browsers_of_listed_origins_may_send_every_header_that_an_operation_takes() -> None:
    assert HEADER_PARAMETERS.keys() <= set(REQUEST_HEADERS)
