"""The contract: OpenAPI 3.1, written from the routes, their rules and their body readers.

What a route can answer follows from what it is made of: a rule that needs a key answers 401 and 403, a body
400, 413 and 415, an Idempotency-Key 409 and 422. So the document cannot fall behind the code.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.routing import APIRoute
from pydantic import BaseModel
from pydantic.json_schema import models_json_schema

from onenet.api import contract
from onenet.api.bodies import MAX_BODY_BYTES, MAX_CALLBACK_BYTES, JsonBody
from onenet.api.form_values import COMPONENTS
from onenet.api.operations import Operation, operation_of
from onenet.api.shapes import Problem
from onenet.domain.files.kinds import MAX_FILE_BYTES

DESCRIPTION = f"""
onenet carries one thing that a person states once through every department it needs.

* Bodies are JSON in UTF-8, read strictly: unknown members, duplicate names, numbers in place of booleans and
  the like are refused with 400. At most {MAX_BODY_BYTES:,} bytes (callbacks {MAX_CALLBACK_BYTES:,}),
  64 levels, 2,000 names. Files are sent as they are, at most {MAX_FILE_BYTES:,} bytes.
* A 400 can be foreseen from this document alone. What depends on what is stored is 404 or 409.
* Errors are `application/problem+json`; every fault in them has a message in Chinese and in English.
* Every answer says with `RateLimit-Policy` and `RateLimit` how many requests are allowed and left; 429 with
  `Retry-After` when none is. A head has at most 64 kB and 100 fields and comes within 10 s,
  a body within 30 s and one more for each 8 kB that came.
* Lists have at most 100 entries a page and a cursor that is opaque. Times are UTC with `Z`.
* Words of answers may take new values (`x-extensible-enum`), and answers new members.
""".strip()

TAGS = [
    {"name": "catalogue", "description": "What can be applied for, and guidance to it."},
    {"name": "cases", "description": "Applications and what becomes of them."},
    {"name": "results", "description": "What was issued, and whether it still stands."},
    {"name": "opinions", "description": "What departments ask of one another inside a step."},
    {"name": "ratings", "description": "What applicants think of it, what is done about it, and figures."},
    {"name": "tickets", "description": "Tickets of the hotline 12345, and the units they are given to."},
    {"name": "documents", "description": "Files that are handed in, and handed on."},
    {"name": "departments", "description": "What departments answer."},
    {"name": "supervision", "description": "What is late, urging, and the figures of lights."},
    {"name": "endpoints", "description": "Where departments and subscribers are reached, and what was sent."},
    {"name": "people", "description": "Delegations, and who looked at one's data."},
    {"name": "break-glass", "description": "Looking at a case in an emergency."},
    {"name": "log", "description": "That the record was not changed: checkpoints and proofs."},
    {"name": "health", "description": "Whether the service runs."},
    {"name": "about", "description": "The contract itself and its problems."},
]

_TAG_NAMES = [tag["name"] for tag in TAGS]

SECURITY_SCHEMES = {
    "apiKey": {
        "type": "http",
        "scheme": "bearer",
        "bearerFormat": "onk_<8 characters>_<43 characters>",
        "description": "An API key of a system, or an access token. One that is bound to a key (RFC 9449)"
        " comes as `Authorization: DPoP`, with a proof in `DPoP`.",
    },
    "signature": {
        "type": "apiKey",
        "in": "header",
        "name": "webhook-signature",
        "description": "A Standard Webhooks signature by the department's secret or key, with webhook-id"
        " and webhook-timestamp.",
    },
    "messageSignature": {
        "type": "apiKey",
        "in": "header",
        "name": "signature",
        "description": "An RFC 9421 signature by a key of the department, with signature-input,"
        " content-digest and idempotency-key.",
    },
}
_SECURITY: Mapping[str, list[dict[str, list[str]]]] = {
    "public": [],
    "secret": [],
    "signature": [{"messageSignature": []}, {"signature": []}],
}


def document(app: FastAPI) -> dict[str, Any]:
    """The whole contract of this application."""
    written = get_openapi(
        title="onenet",
        version=app.version,
        openapi_version="3.1.0",
        summary="Self-hosted service for cities: one thing stated once",
        description=DESCRIPTION,
        routes=sorted(app.routes, key=_place),
        webhooks=app.webhooks.routes,
        tags=TAGS,
        servers=[{"url": "/", "description": "This service"}],
        contact={"name": "Operator of this onenet", "url": "https://onenet.example/contact"},
        license_info={"name": "Apache-2.0", "identifier": "Apache-2.0"},
    )
    models: set[type[BaseModel]] = {Problem}
    for route in app.routes:
        if isinstance(route, APIRoute) and route.include_in_schema:
            models |= _describe(written["paths"][route.path_format][_method(route)], route)
    components = written.setdefault("components", {})
    schemas = components.setdefault("schemas", {})
    for leftover in ("HTTPValidationError", "ValidationError"):
        schemas.pop(leftover, None)
    schemas |= {**_model_schemas(models), **COMPONENTS}
    components["schemas"] = {name: _without_defaults(schema) for name, schema in sorted(schemas.items())}
    components["responses"] = contract.problem_components()
    components["securitySchemes"] = SECURITY_SCHEMES
    for hook in written.get("webhooks", {}).values():
        for operation in hook.values():
            operation["responses"].pop("422", None)
            operation["security"] = []
    return written


def _place(route: object) -> int:
    """Where a route stands in the contract: with its noun, whichever is looked through first."""
    stated = operation_of(route) if isinstance(route, APIRoute) else None
    return _TAG_NAMES.index(stated.tag) if stated else len(_TAG_NAMES)


def _describe(operation: dict[str, Any], route: APIRoute) -> set[type[BaseModel]]:
    """Completes one operation; gives the models that it now refers to."""
    stated = operation_of(route)
    if stated is None:
        return set()
    operation["security"] = _SECURITY.get(stated.permission, [{"apiKey": []}])
    takes = _headers(stated)
    named = [_header(name, stated) for name in takes]
    if parameters := [*map(_without_null, operation.get("parameters", [])), *named]:
        operation["parameters"] = parameters
    body = body_of(route)
    if stated.raw_body is not None:
        shown = stated.raw_body.items()
        content = {kind: {"schema": {"type": "object"}, "example": example} for kind, example in shown}
        operation["requestBody"] = {"required": True, "content": content}
    if stated.binary_body:
        operation["requestBody"] = {"required": True, "content": {kind: {} for kind in stated.binary_body}}
    if body is not None:
        schema = {"$ref": f"#/components/schemas/{body.model.__name__}"}
        media = {"schema": schema, "example": body.example}
        operation["requestBody"] = {"required": True, "content": {"application/json": media}}
    answers = operation["responses"]
    answers.pop("422", None)
    for status in sorted(_problems(stated, has_body="requestBody" in operation)):
        answers[str(status)] = {"$ref": f"#/components/responses/{contract.PROBLEM_RESPONSES[status][0]}"}
    if "If-None-Match" in takes:
        answers["304"] = {"description": "The caller has the current version", "headers": contract.TAG_HEADER}
    operation["responses"] = dict(sorted(answers.items()))
    return {body.model} if body else set()


def _headers(stated: Operation) -> tuple[str, ...]:
    """The headers that an operation reads: those it says, and those that follow from what it is."""
    has_tag = stated.method == "GET" and "headers" in stated.answers[200]
    follows = {"Onenet-Subject": stated.is_for_subject, "If-None-Match": has_tag}
    return (*(name for name, does in follows.items() if does), *stated.takes)


def _header(name: str, stated: Operation) -> dict[str, Any]:
    """A header as a parameter. If-Match is needed where its absence is a problem of its own."""
    parameter = {"name": name, "in": "header", **contract.HEADER_PARAMETERS[name]}
    return parameter | ({"required": True} if name == "If-Match" and 428 in stated.problems else {})


def _problems(stated: Operation, *, has_body: bool) -> set[int]:
    """The problem statuses that follow from what an operation is made of."""
    signed = stated.permission == "signature"
    once = "Idempotency-Key" in stated.takes
    follows = {
        (400, 405, 406, 429, 431, 500, 503): True,
        (401, 403): stated.needs_key,
        (401,): signed,
        (404,): "{" in stated.path,
        (408, 413, 415): has_body,
        (409,): once or signed,
        (422,): once,
        (412,): "If-Match" in stated.takes,
    }
    return {*stated.problems, *(status for statuses, does in follows.items() if does for status in statuses)}


def _without_defaults(schema: Any) -> Any:
    """The schema without defaults: generators of clients take a member that has one for always there."""
    match schema:
        case dict():
            kept = {name: value for name, value in schema.items() if name != "default"}
            return {name: _without_defaults(value) for name, value in kept.items()}
        case list():
            return [_without_defaults(value) for value in schema]
        case _:
            return schema


def _without_null(parameter: dict[str, Any]) -> dict[str, Any]:
    """The parameter without null among its values: what is not sent is absent, and `null` would be a text."""
    schema = dict(parameter["schema"])
    kinds = [kind for kind in schema.pop("anyOf", ()) if kind != {"type": "null"}]
    return parameter | {"schema": {**schema, **(kinds[0] if kinds else {})}}


def _method(route: APIRoute) -> str:
    """The one method of a route, as the contract spells it."""
    return next(iter(route.methods or ())).lower()


def body_of(route: APIRoute) -> JsonBody[Any] | None:
    """The reader of the route's body."""
    readers = (dependency.call for dependency in route.dependant.dependencies)
    return next((reader for reader in readers if isinstance(reader, JsonBody)), None)


def _model_schemas(models: set[type[BaseModel]]) -> dict[str, Any]:
    ordered = sorted(models, key=lambda model: model.__name__)
    _, made = models_json_schema(
        [(model, "validation") for model in ordered], ref_template="#/components/schemas/{model}"
    )
    schemas: dict[str, Any] = made.get("$defs", {})
    return schemas
