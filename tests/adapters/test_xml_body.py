"""XML comes in as plain values within limits, or is refused; it goes out as what it was."""

from __future__ import annotations

from typing import Any
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from onenet.adapters.base import UnreadableAnswer
from onenet.adapters.template import Unfilled
from onenet.adapters.xml_body import read_xml, write_xml

ENTITIES = '<!DOCTYPE a [<!ENTITY b "ha"><!ENTITY c "&b;&b;&b;&b;">]>'


@pytest.mark.parametrize(
    ("raw", "value"),
    [
        ("<a/>", {"a": ""}),
        ("<a>1</a>", {"a": "1"}),
        ("<a> <b>x</b> <b y='z'>w</b> <c/> </a>", {"a": {"b": ["x", {"@y": "z", "#text": "w"}], "c": ""}}),
        ("<s:E xmlns:s='urn:x' s:k='1'><s:B>中&amp;&#20013;<![CDATA[<]]></s:B></s:E>",
         {"E": {"@k": "1", "B": "中&中<"}}),
        ("<?xml version='1.0'?><!-- no --><a><?pi x?>b<!-- c -->d</a>", {"a": "bd"}),
    ],
)  # fmt: skip
def test_elements_are_values_by_their_names(raw: str, value: Any) -> None:
    assert read_xml(raw.encode()) == value


@pytest.mark.parametrize("encoding", ["utf-8", "utf-16", "gb2312", "GBK", "gb18030", "iso-8859-1"])
def test_the_encodings_of_departments_are_read(encoding: str) -> None:
    text = "é" if encoding == "iso-8859-1" else "准予办理"
    raw = f"<?xml version='1.0' encoding='{encoding}'?><a>{text}</a>".encode(encoding)
    assert read_xml(raw) == {"a": text}


@pytest.mark.parametrize(
    "raw",
    [
        pytest.param(b"", id="nothing"),
        pytest.param(b"{}", id="json"),
        pytest.param(b"<a><b></a>", id="crossed"),
        pytest.param(b"<a/><b/>", id="two elements"),
        pytest.param(b"<a>&nbsp;</a>", id="an entity of nobody"),
        pytest.param(f"{ENTITIES}<a>&c;</a>".encode(), id="entities"),
        pytest.param(b'<!DOCTYPE a SYSTEM "file:///etc/passwd"><a/>', id="a document type elsewhere"),
        pytest.param(b'<!DOCTYPE a [<!ENTITY b SYSTEM "http://x/">]><a>&b;</a>', id="an entity elsewhere"),
        pytest.param(b'<!DOCTYPE a [<!ENTITY % p SYSTEM "http://x/"> %p;]><a/>', id="a parameter entity"),
        pytest.param(b"<a>" * 65 + b"</a>" * 65, id="too deep"),
        pytest.param(b"<a>" * 50_000, id="much too deep"),
        pytest.param(b"<a>" + b"<b/>" * 2_000 + b"</a>", id="too many elements"),
        pytest.param(b"<a " + b" ".join(b"b%d=''" % n for n in range(2_000)) + b"/>", id="attributes"),
        pytest.param(b"<a>" + b"x" * 20_001 + b"</a>", id="too long"),
        pytest.param(b"<a b='" + b"x" * 20_001 + b"'/>", id="an attribute too long"),
        pytest.param(b"<a>\x00</a>", id="a NUL"),
        pytest.param(b"<a>\xff</a>", id="not UTF-8"),
        pytest.param(b"<?xml version='1.0' encoding='gbk'?><a>\xff\xff</a>", id="not GBK"),
        pytest.param(b"<?xml version='1.0' encoding='ebcdic-us'?><a/>", id="an encoding of nobody"),
    ],
)  # fmt: skip
def test_what_is_hostile_or_broken_is_refused_within_limits(raw: bytes) -> None:
    with pytest.raises(UnreadableAnswer) as refused:
        read_xml(raw)
    assert "passwd" not in str(refused.value)


@given(st.binary())
def test_noise_is_refused(raw: bytes) -> None:
    with pytest.raises(UnreadableAnswer):
        read_xml(raw)


@pytest.mark.parametrize(
    ("value", "raw"),
    [
        ({"a": None}, "<a></a>"),
        ({"a": {"@k": 'x"<', "b": [1, True], "c": [], "#text": "&"}},
         '<a k="x&quot;&lt;">&amp;<b>1</b><b>true</b></a>'),
        ({"s:E": {"@xmlns:s": "urn:x", "s:B": "中"}}, '<s:E xmlns:s="urn:x"><s:B>中</s:B></s:E>'),
        ({"a": "x\x00\ufffe"}, "<a>x\ufffd\ufffd</a>"),
    ],
)  # fmt: skip
def test_values_go_out_as_elements(value: dict[str, Any], raw: str) -> None:
    written = write_xml(value).decode()
    assert written == f'<?xml version="1.0" encoding="UTF-8"?>\n{raw}'
    ET.fromstring(written.encode())  # noqa: S314  # ours, as another parser reads it


@pytest.mark.parametrize("name", ["a b", "", "1", "a><b", "@", "a=''"])
def test_no_name_breaks_out_of_its_element(name: str) -> None:
    for value in ({"a": {name: "x"}}, {"a": {f"@{name}": "x"}}):
        if name != "@":
            with pytest.raises(Unfilled):
                write_xml(value)


@given(st.text(alphabet=st.characters(exclude_categories=("Cs", "Cc"), exclude_characters="\ufffe\uffff")))
def test_what_was_written_is_read_again(text: str) -> None:
    assert read_xml(write_xml({"a": {"b": text, "@c": "x"}})) == {"a": {"b": text.strip(), "@c": "x"}}


@pytest.mark.parametrize("value", [{}, {"a": 1, "b": 2}, {"a": [1, 2]}, {"a": []}])
def test_a_document_has_one_element_at_the_top(value: dict[str, Any]) -> None:
    with pytest.raises(Unfilled, match="one element was expected at the top"):
        write_xml(value)
