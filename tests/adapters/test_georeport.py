"""GeoReport documents as peers write them: one thing said in many ways is read as one thing."""

from __future__ import annotations

import codecs
import json
from typing import Any

import httpx2
import pytest
from hypothesis import given
from hypothesis import strategies as st

from onenet.adapters import georeport
from onenet.adapters.base import UnreadableAnswer

XML = b'<?xml version="1.0" encoding="utf-8"?>'
ONE = b"<service_requests><request><service_request_id>8001</service_request_id></request></service_requests>"
NAME = "道路养护"


def document(content: bytes, media_type: str = "application/json") -> httpx2.Response:
    return httpx2.Response(200, headers={"content-type": media_type}, content=content)


def read(content: bytes, media_type: str = "application/json") -> Any:
    return georeport.read(document(content, media_type))


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        pytest.param(XML + ONE, "text/xml; charset=utf-8", id="xml"),
        pytest.param(ONE, "application/xml", id="xml without a declaration"),
        pytest.param(codecs.BOM_UTF8 + XML + ONE, "text/xml", id="xml with a byte order mark"),
        pytest.param(ONE.decode().encode("utf-16"), "text/xml; charset=utf-16", id="xml in UTF-16"),
        pytest.param(
            ONE.replace(b"<service_requests>", b'<g:service_requests xmlns:g="urn:g" type="array">').replace(
                b"</service_requests>", b"</g:service_requests>"
            ),
            "text/xml",
            id="namespace and attribute",
        ),
        pytest.param(
            ONE.replace(b"<service_request_id>", b'<service_request_id type="integer">'),
            "text/xml",
            id="typed",
        ),
        pytest.param(b'[{"service_request_id": "8001"}]', "application/json; charset=utf-8", id="json"),
        pytest.param(b'{"service_request_id": 8001}', "application/json", id="one that is no list"),
        pytest.param(
            b'{"service_requests": {"request": [{"service_request_id": 8001}]}}', "text/json", id="named"
        ),
        pytest.param(
            codecs.BOM_UTF8 + b'[{"service_request_id": 8001}]', "application/json", id="json with a mark"
        ),
    ],
)
def test_one_request_is_read_however_it_is_written(content: bytes, media_type: str) -> None:
    entries = read(content, media_type)
    assert [georeport.word_of(entry, "service_request_id") for entry in entries] == ["8001"]


@pytest.mark.parametrize("count", [0, 1, 2])
def test_xml_and_json_have_the_same_entries(count: int) -> None:
    rows = [f"<request><token>{n}</token></request>" for n in range(count)]
    in_xml = read(f"<service_requests>{''.join(rows)}</service_requests>".encode(), "text/xml")
    in_json = read(json.dumps([{"token": str(n)} for n in range(count)]).encode())
    assert in_xml == in_json == [{"token": str(n)} for n in range(count)]


def test_numbers_that_begin_with_zeros_are_texts_and_texts_stay_as_they_are() -> None:
    said = rb'[{"service_request_id": 001, "lat": 0.5, "zip": -0, "n": 0, "description": "was: 007, \"02\""}]'
    assert read(said) == [
        {"service_request_id": "001", "lat": 0.5, "zip": 0, "n": 0, "description": 'was: 007, "02"'}
    ]


@pytest.mark.parametrize(
    ("value", "word"),
    [
        ("001", "001"),
        (1, "1"),
        (0, "0"),
        ("0", "0"),
        (" 7 ", "7"),
        ("", None),
        (None, None),
        (True, None),
        ([], None),
    ],
)
def test_an_id_is_a_text_or_a_number_and_zero_is_one(value: Any, word: str | None) -> None:
    assert georeport.word_of({"token": value}, "token") == word


@pytest.mark.parametrize(
    "said", [b"<token/>", b"<token></token>", b'<token nil="true"/>', b"<token> </token>"]
)
def test_an_empty_element_says_nothing(said: bytes) -> None:
    request = b"<request><status>open</status>" + said + b"</request>"
    (entry,) = read(b"<service_requests>" + request + b"</service_requests>", "text/xml")
    assert "token" in entry
    assert georeport.word_of(entry, "token") is None


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (f'[{{"agency_responsible": "{NAME}"}}]'.encode("gbk"), "application/json; charset=GBK"),
        (f"<r><request><agency_responsible>{NAME}</agency_responsible></request></r>".encode("gb18030"),
         "text/xml;charset=gb18030"),
        (f'<?xml version="1.0" encoding="GBK"?><r><request><agency_responsible>{NAME}</agency_responsible>'
         "</request></r>".encode("gbk"), "text/xml; charset=utf-8"),
        (f'[{{"agency_responsible": "{NAME}"}}]'.encode(), "application/json; charset=nonsense"),
    ],
)  # fmt: skip
def test_other_charsets_are_read_and_the_document_knows_its_own_best(content: bytes, media_type: str) -> None:
    assert read(content, media_type) == [{"agency_responsible": NAME}]


@pytest.mark.parametrize(
    ("content", "media_type", "code"),
    [
        (b'[{"code": 403, "description": "x"}]', "application/json", 403),
        (b'{"errors": [{"code": "404", "description": "x"}]}', "application/json", 404),
        (b"<errors><error><code>403</code><description>x</description></error></errors>", "text/xml", 403),
        (b"<errors><error><code>1001</code><description/></error></errors>", "text/xml", 400),
        (b'[{"service_request_id": 1, "code": 403, "description": "x"}]', "application/json", None),
        (b'[{"service_code": 403, "description": "x"}]', "application/json", None),
        (b'[{"code": 403, "outcome": "x"}]', "application/json", None),
    ],
)
def test_an_error_is_known_by_its_members(content: bytes, media_type: str, code: int | None) -> None:
    assert georeport.error_code(read(content, media_type)) == code


@pytest.mark.parametrize(
    ("content", "media_type"),
    [(b"", "application/json"), (b" \n", "text/xml"), (b"<html>", "text/html"), (b"OK", "text/plain")],
)
def test_what_is_no_document_is_none(content: bytes, media_type: str) -> None:
    assert read(content, media_type) is None


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (b'[{"a"', "application/json"), (b"<a>", "text/xml"), (b"\xff", "application/json"),
        (b'<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>', "text/xml"),
        (b"\xff", "application/json; charset=idna"),
        (b"[" * 100_000, "application/json"), (b"<a>" * 100_000, "text/xml"),
    ],
)  # fmt: skip
def test_what_cannot_be_read_is_unreadable(content: bytes, media_type: str) -> None:
    with pytest.raises(UnreadableAnswer):
        read(content, media_type)


@given(st.binary(), st.sampled_from(["application/json", "text/xml", "text/xml; charset=utf-16"]))
def test_noise_is_unreadable_or_entries(content: bytes, media_type: str) -> None:
    try:
        entries = read(content, media_type)
    except UnreadableAnswer:
        return
    georeport.error_code(entries or [])
