"""Poisoned bodies, to every route that takes one: a clear 400 that names the place and never the value,
no 500, and nothing stored. The same on both engines.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import httpx2
import pytest
from fastapi.routing import APIRoute
from sqlalchemy import func, select

from onenet.api.bodies import MAX_BODY_BYTES, MAX_CALLBACK_BYTES
from onenet.api.openapi import body_of
from onenet.api.operations import operation_of
from onenet.api.parts import Parts
from onenet.app import Application
from onenet.domain.principal import PERMISSIONS, Role
from onenet.quotas import Quotas
from onenet.store import tables
from onenet.store.database import Database
from tests.api.conftest import submission

pytestmark = pytest.mark.anyio

CANARY = "canary-110105194912310021"
JSON = {"Content-Type": "application/json"}

POISON: dict[str, bytes] = {
    "empty": b"",
    "white space": b" \n ",
    "cut off": b'{"bundle": "newb',
    "trailing comma": b'{"answers": {},}',
    "trailing text": b"{} x",
    "comment": b"{} // x",
    "single quotes": b"{'answers': {}}",
    "NaN": b'{"form": {"a": NaN}}',
    "Infinity": b'{"form": {"a": -Infinity}}',
    "1e400": b'{"form": {"a": 1e400}}',
    "long integer": b'{"form": {"a": ' + b"9" * 5000 + b"}}",
    "duplicate name": b'{"form": {}, "form": {}}',
    "duplicate name, escaped": b'{"answers": {"a": 1, "\\u0061": 2}}',
    "lone surrogate": b'{"form": {"a": "\\ud800"}}',
    "lone surrogate in a name": b'{"form": {"\\udc00": 1}}',
    "NUL": b'{"form": {"a": "x\\u0000y"}}',
    "NUL in a name": b'{"x\\u0000": 1}',
    "C0 control": b'{"form": {"a": "\\u0007"}}',
    "raw control": b'{"form": {"a": "\x07"}}',
    "invalid UTF-8": b'{"form": {"a": "\xff"}}',
    "overlong UTF-8": b'{"form": {"a": "\xc0\xaf"}}',
    "UTF-8 surrogate": b'{"form": {"a": "\xed\xa0\x80"}}',
    "byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": "{}".encode("utf-16"),
    "UTF-32": "{}".encode("utf-32"),
    "depth 100,000": b"[" * 100_000 + b"]" * 100_000,
    "depth 100,000, unclosed": b'{"a":' * 100_000,
    "depth 65": b'{"form": {"a": ' + b"[" * 65 + b"]" * 65 + b"}}",
    "1,900 unknown names": json.dumps({f"{CANARY}-{i}": CANARY for i in range(1_900)}).encode(),
    "80,000 unknown names": b"{" + b",".join(b'"k%d":0' % i for i in range(80_000)) + b"}",
    "a text": b'"' + CANARY.encode() + b'"',
    "a number": b"110105194912310021",
    "null": b"null",
    "a list": b"[]",
    "true": b"true",
    "unknown member": json.dumps({CANARY: CANARY}).encode(),
    "a list of lists": b"[[[[]]]]",
    "two values": b"{}{}",
    "two lines": b"{}\n{}",
    "nothing but a NUL": b"\0",
    "NULs behind": b"{}\0\0\0\0",
    "-1e400": b'{"form": {"a": -1e400}}',
    "1e99999 in a list": b'{"form": {"a": [1, 1e99999]}}',
    "NaN as a name": b"{NaN: 1}",
    "+1": b'{"form": {"a": +1}}',
    "leading zero": b'{"form": {"a": 01}}',
    "hexadecimal": b'{"form": {"a": 0x1}}',
    "a dot without digits": b'{"form": {"a": 1.}}',
    "capital True": b'{"form": {"a": True}}',
    "undefined": b'{"form": {"a": undefined}}',
    "raw line feed in a text": b'{"form": {"a": "x\ny"}}',
    "raw tab in a text": b'{"form": {"a": "x\ty"}}',
    "unknown escape": b'{"form": {"a": "\\x41"}}',
    "half an escape": b'{"form": {"a": "\\u00"}}',
    "two high surrogates": b'{"form": {"a": "\\ud800\\ud800"}}',
    "low surrogate first": b'{"form": {"a": "\\udc00\\ud800"}}',
    "escape (C0)": b'{"form": {"a": "\\u001b[2J"}}',
    "vertical tab": b'{"form": {"a": "\\u000b"}}',
    "NUL deep within": b'{"form": {"a": [[{"b": "\\u0000"}]]}}',
    "beyond Unicode": b'{"form": {"a": "\xf4\x90\x80\x80"}}',
    "a five-byte character": b'{"form": {"a": "\xf8\x88\x80\x80\x80"}}',
    "a character cut off": b'{"form": {"a": "\xe4\xb8"}}',
    "GB 18030": '{"form": {"a": "中文"}}'.encode("gb18030"),
    "UTF-7": b"+AHsAfQ-",
    "UTF-16 without a mark": "{}".encode("utf-16-be"),
    "compressed": b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03",
    "a picture": b"\x89PNG\r\n\x1a\n",
    "XML": b"<?xml version='1.0'?><!DOCTYPE a [<!ENTITY b SYSTEM 'file:///etc/passwd'>]><a>&b;</a>",
    "a form": b"bundle=newborn&jurisdiction=kunshan",
    "a pickle": b"\x80\x04\x95\x0b\x00\x00\x00",
    "YAML": b"bundle: !!python/object/apply:os.system ['true']",
    "objects 65 deep": b'{"a":' * 65 + b"1" + b"}" * 65,
    "2,001 names in two objects": json.dumps(
        {"form": {f"a{i}": 1 for i in range(1_000)}, "answers": {f"b{i}": 1 for i in range(1_000)}}
    ).encode(),
    "a name of 100,000 characters": json.dumps({CANARY * 4_000: 1}).encode(),
    "a text of 20,001 characters": json.dumps({"form": {"a": "长" * 20_001}}).encode(),
    "a number of 400,000 digits": b'{"form": {"a": ' + b"1" * 400_000 + b"}}",
    "a name that is a path": b'{"../../etc/passwd": 1}',
    "a prototype": b'{"__proto__": {"is_admin": true}, "constructor": {"prototype": {}}}',
    "SQL as a name": json.dumps({"'; DROP TABLE cases; --": CANARY}).encode(),
}
"""None of these is right for any route."""


@pytest.fixture
def parts(parts: Parts) -> Parts:
    """Poison comes faster than anybody may ask."""
    return replace(parts, quotas=Quotas({}))


@pytest.fixture
async def posts(
    app: Application,
    frontend: httpx2.AsyncClient,
    department: httpx2.AsyncClient,
    administrator: httpx2.AsyncClient,
    supervisor: httpx2.AsyncClient,
) -> list[tuple[httpx2.AsyncClient, str]]:
    """Every POST route that reads JSON, with a path that leads to something and somebody who may use it."""
    case = await frontend.post("/v1/cases", json=submission(), headers={"Idempotency-Key": "first"})
    filled = {"{case_id}": case.json()["id"], "{step}": "certificate", "{code}": "newborn"}
    filled["{number}"] = case.json()["number"]
    filled["{ticket}"] = "01936d2e-4c00-7a11-9c3e-5f2b6d0e8a42"
    filled["{opinion}"] = "5d0c2c9e-6f0f-4b1e-a6b7-0d3f5e2c7a91"
    filled["{break_glass_id}"] = "bgl_01JDC0PSQ6YWF8N2G6W1B9ZK3M"
    filled["{draft_id}"] = "dft_01JDC0PSQ6YWF8N2G6W1B9ZK3M"
    filled["{upload_id}"] = "upl_01JDC0PSQ6YWF8N2G6W1B9ZK3M"
    filled["{attempt_id}"] = "att_01JDC0PSQ6YWF8N2G6W1B9ZK3M_1"
    filled["{endpoint_id}"] = "ept_01JDC0PSQ6YWF8N2G6W1B9ZK3M"
    filled["{lease}"] = "lse_01JDC0PSQ6YWF8N2G6W1B9ZK3M"
    filled["{urging}"] = "1"
    filled["{rating}"] = "01936d2e-4c00-7a11-9c3e-5f2b6d0e8a42"
    filled["{task}"] = "tsk_01JDC0PSQ6YWF8N2G6W1B9ZK3M"
    may = (
        (supervisor, Role.SUPERVISOR),
        (administrator, Role.ADMINISTRATOR),
        (department, Role.DEPARTMENT),
        (frontend, Role.FRONTEND),
    )
    allowed = {permission: client for client, role in may for permission in PERMISSIONS[role]}
    allowed["secret"] = frontend  # what is wrong with a body is said before the secret is looked at
    found = []
    for route in app.routes:
        operation = operation_of(route)
        if isinstance(route, APIRoute) and operation and operation.method == "POST" and body_of(route):
            path = route.path
            for name, value in filled.items():
                path = path.replace(name, value)
            if operation.permission not in ("content:reveal", "secret"):  # a clerk's and nobody's: no key is
                found.append((allowed[operation.permission], path))
    assert len(found) >= 31
    assert not [path for _, path in found if "{" in path]  # a placeholder is nothing that is there
    return found


async def row_counts(database: Database) -> dict[str, int]:
    async with database.read() as connection:
        return {
            name: (await connection.execute(select(func.count()).select_from(table))).scalar_one()
            for name, table in tables.metadata.tables.items()
        }


async def test_a_poisoned_body_is_400_everywhere_and_leaves_nothing(
    posts: list[tuple[httpx2.AsyncClient, str]], database: Database
) -> None:
    before = await row_counts(database)
    for client, path in posts:
        for name, body in POISON.items():
            answer = await client.post(path, content=body, headers=JSON | {"Idempotency-Key": "poison"})
            assert (path, name, answer.status_code) == (path, name, 400), answer.text
            problem = answer.json()
            assert problem["type"].rpartition("/")[2] in ("malformed-json", "validation"), name
            assert 1 <= len(problem["errors"]) <= 20
            assert all(fault["message_zh"] and fault["message_en"] for fault in problem["errors"])
            assert all(len(fault["pointer"]) <= 64 for fault in problem["errors"])
            said = {
                key: value for fault in problem["errors"] for key, value in fault.items() if key != "pointer"
            }
            assert CANARY not in json.dumps(said)
    assert await row_counts(database) == before


@pytest.mark.parametrize(
    ("content_type", "status"),
    [
        (None, 415),
        ("text/plain", 415),
        ("application/xml", 415),
        ("application/x-www-form-urlencoded", 415),
        ("application/problem+json", 415),
        ("application/json; charset=latin-1", 415),
        ("application/json;charset=UTF-8", 409),
        ("Application/JSON", 409),
    ],
)
async def test_a_body_is_announced_as_json_in_utf8(
    frontend: httpx2.AsyncClient, content_type: str | None, status: int
) -> None:
    headers = {"Idempotency-Key": "k"} | ({"Content-Type": content_type} if content_type else {})
    body = json.dumps(submission(bundle="none")).encode()
    answer = await frontend.post("/v1/cases", content=body, headers=headers)
    assert answer.status_code == status


async def test_a_type_that_is_announced_twice_is_told_as_that(frontend: httpx2.AsyncClient) -> None:
    twice = [("Idempotency-Key", "k"), *[("Content-Type", "application/json")] * 2]
    answer = await frontend.post("/v1/cases", content=b"{}", headers=twice)
    fault = answer.json()["errors"][0]
    assert (answer.status_code, fault["header"]) == (415, "Content-Type")
    assert "twice" in fault["message_en"]


@pytest.mark.parametrize(
    ("encoding", "status"), [("gzip", 415), ("identity, gzip", 415), ("x", 415), ("identity", 409)]
)
async def test_a_body_is_taken_as_it_is_and_never_unpacked(
    frontend: httpx2.AsyncClient, encoding: str, status: int
) -> None:
    headers = JSON | {"Idempotency-Key": "k", "Content-Encoding": encoding}
    body = json.dumps(submission(bundle="none")).encode()
    answer = await frontend.post("/v1/cases", content=body, headers=headers)
    assert answer.status_code == status


async def test_an_oversized_body_is_413_declared_or_not(frontend: httpx2.AsyncClient) -> None:
    async def endless() -> AsyncIterator[bytes]:
        for _ in range(MAX_BODY_BYTES // 1000 + 2):
            yield b" " * 1000

    declared = await frontend.post("/v1/cases", content=b" " * (MAX_BODY_BYTES + 1), headers=JSON)
    chunked = await frontend.post("/v1/cases", content=endless(), headers=JSON)
    assert (declared.status_code, chunked.status_code) == (413, 413)
    callback = await frontend.post(
        "/v1/callbacks/health", content=b" " * (MAX_CALLBACK_BYTES + 1), headers=JSON
    )
    assert callback.status_code == 413


def changed(path: str, value: Any) -> dict[str, Any]:
    """A right application with one wrong member, at this pointer."""
    body: dict[str, Any] = json.loads(json.dumps(submission()))
    *parents, last = path.strip("/").split("/")
    node: Any = body
    for part in parents:
        node = node[int(part)] if isinstance(node, list) else node[part]
    node[int(last) if isinstance(node, list) else last] = value
    return body


WRONG: list[tuple[str, Any]] = [
    ("/bundle", CANARY),
    ("/bundle", 1),
    ("/bundle", None),
    ("/bundle", "x" * 64),
    ("/version", "1"),
    ("/version", 1.5),
    ("/version", True),
    ("/version", 0),
    ("/version", 2**31),
    ("/jurisdiction", ""),
    ("/applicant", []),
    ("/applicant/id_type", CANARY),
    ("/applicant/kind", "enterprise"),
    ("/applicant/name", ""),
    ("/applicant/name", " "),
    ("/applicant/name", "张\u200b三"),
    ("/applicant/name", "\u202e三张"),
    ("/applicant/name", "\ue000"),
    ("/applicant/name", "长" * 101),
    ("/applicant/phone", "１２３４５６"),
    ("/applicant/phone", 13800000000),
    ("/applicant/id_no", "320599199201010025"),
    ("/applicant/id_no", "３２０５９９１９９２０１０１００２４"),
    ("/applicant/id_no", "٣20599199201010024"),
    ("/applicant/id_no", "32059919920101002"),
    ("/applicant/id_no", " 320599199201010024"),
    ("/applicant/id_no", 320599199201010024),
    ("/applicant/extra", 1),
    ("/answers", []),
    ("/answers", None),
    ("/answers/local", 1.5),
    ("/answers/local", {}),
    ("/answers/local", None),
    ("/answers/local", 2**53),
    ("/answers/local", "x" * 101),
    ("/answers/local", [1]),
    ("/form", []),
    ("/form/weight_g", 2**53),
    ("/form/child_name", "长" * 20_001),
    ("/materials", {}),
    ("/materials/0", "record"),
    ("/materials/0/code", "X Y"),
    ("/materials/0/reference", ""),
    ("/materials/0/reference", "a\nb"),
    ("/materials/0/sha256", "00"),
    ("/materials/0/extra", 1),
]


async def test_a_wrong_member_is_400_with_its_pointer_and_without_its_value(
    frontend: httpx2.AsyncClient, database: Database
) -> None:
    before = await row_counts(database)
    for pointer, value in WRONG:
        body = changed(pointer, value)
        answer = await frontend.post("/v1/cases", json=body, headers={"Idempotency-Key": "k"})
        assert (pointer, value, answer.status_code) == (pointer, value, 400), answer.text
        pointers = [fault["pointer"] for fault in answer.json()["errors"]]
        # A fault inside a map is told at the map; a wrong tag at the object that it decides about.
        assert any(pointer.startswith(found) and found.count("/") >= 1 for found in pointers), answer.text
        if len(str(value)) > 6:
            assert str(value) not in answer.text
    assert await row_counts(database) == before


STALE: list[tuple[str, Any, str, str]] = [
    ("/bundle", "none_such", "unknown-reference", "/bundle"),
    ("/version", 99, "unknown-reference", "/version"),
    ("/jurisdiction", "atlantis", "unknown-reference", "/jurisdiction"),
    ("/answers/nothing", True, "unknown-reference", "/answers/nothing"),
    ("/answers/local", "yes", "unknown-reference", "/answers/local"),
    ("/answers/wish", "maybe", "unknown-reference", "/answers/wish"),
    ("/materials/0/code", "nothing", "unknown-reference", "/materials/0/code"),
    ("/answers", {}, "form-invalid", "/answers/local"),
    ("/form/nothing", 1, "form-invalid", "/form/nothing"),
    ("/form/weight_g", 100, "form-invalid", "/form/weight_g"),
    ("/form/weight_g", "3250", "form-invalid", "/form/weight_g"),
    ("/form/weight_g", True, "form-invalid", "/form/weight_g"),
    ("/form/child_name", "", "form-invalid", "/form/child_name"),
    ("/form/child_name", "长" * 51, "form-invalid", "/form/child_name"),
    ("/form/child_born_on", "2026-02-30", "form-invalid", "/form/child_born_on"),
    ("/form/mother_id_no", "320599199201010025", "form-invalid", "/form/mother_id_no"),
    ("/form/mother_id_no", "３２０５９９１９９２０１０１００２４", "form-invalid", "/form/mother_id_no"),
    ("/materials", [], "form-invalid", "/materials"),
]


async def test_what_depends_on_the_catalogue_is_409_with_its_pointer(
    frontend: httpx2.AsyncClient, database: Database
) -> None:
    before = await row_counts(database)
    for path, value, type, pointer in STALE:
        body = changed(path, value)
        answer = await frontend.post("/v1/cases", json=body, headers={"Idempotency-Key": "k"})
        assert (path, value, answer.status_code) == (path, value, 409), answer.text
        problem = answer.json()
        assert problem["type"].endswith(f"/problems/{type}"), (path, value, problem)
        assert pointer in [fault["pointer"] for fault in problem["errors"]]
        assert all(fault["message_zh"] and fault["message_en"] for fault in problem["errors"])
        if len(str(value)) > 6 and isinstance(value, str):
            assert value not in problem["errors"][0]["message_en"] + problem["errors"][0]["message_zh"]
    assert await row_counts(database) == before


RIGHT = [
    {"id_type": "resident_identity_card", "kind": "natural_person", "id_no": "440524188001010014"},
    {"id_type": "resident_identity_card", "kind": "natural_person", "id_no": "32059919930404004x"},
    {"id_type": "hk_macao_taiwan_residence_permit", "kind": "natural_person", "id_no": "810000199408230021"},
    {"id_type": "hk_macao_taiwan_residence_permit", "kind": "natural_person", "id_no": "830000199201300022"},
    {"id_type": "uscc", "kind": "enterprise", "id_no": "91110000600037341L"},
    {"id_type": "passport", "kind": "natural_person", "id_no": "E12345678"},
]


async def test_real_documents_and_rare_names_are_accepted(frontend: httpx2.AsyncClient) -> None:
    names = ["古丽·买买提", "𠮷", "葛\U000e0100", "\U00030edd", "有限公司（苏州）", "O'Neil"]
    for number, (document, name) in enumerate(zip(RIGHT, names, strict=True)):
        body = submission(applicant=document | {"name": name})
        answer = await frontend.post("/v1/cases", json=body, headers={"Idempotency-Key": f"k-{number}"})
        assert answer.status_code == 202, answer.text


async def test_a_wrong_social_credit_code_is_refused(frontend: httpx2.AsyncClient) -> None:
    wrong = {"id_type": "uscc", "kind": "enterprise", "id_no": "9111000060003734IL", "name": "示例公司"}
    answer = await frontend.post(
        "/v1/cases", json=submission(applicant=wrong), headers={"Idempotency-Key": "k"}
    )
    assert [(fault["pointer"], fault["code"]) for fault in answer.json()["errors"]] == [
        ("/applicant/id_no", "cn_uscc")
    ]
