"""The corpus of bodies that a strict reader takes or refuses. Source: api.md section 10."""

from __future__ import annotations

import json
import math
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from onenet.adapters.json_reader import read_json
from onenet.errors import Fault, MalformedJson


def nested(levels: int) -> bytes:
    return b"[" * levels + b"]" * levels


def members(count: int) -> bytes:
    return json.dumps(dict.fromkeys(map(str, range(count)), 0)).encode()


def fault_of(raw: bytes) -> Fault:
    with pytest.raises(MalformedJson) as raised:
        read_json(raw)
    (fault,) = raised.value.faults
    return fault


TAKEN: list[tuple[str, bytes, Any]] = [
    ("an object", b'{"a": [1, 2.5, true, null]}', {"a": [1, 2.5, True, None]}),
    ("a bare value", b" 1 ", 1),
    ("white space around", b"\r\n\t {} \n", {}),
    ("tab, LF and CR escaped", rb'"a\tb\nc\rd"', "a\tb\nc\rd"),
    ("U+2028", '"\u2028"'.encode(), "\u2028"),
    ("a 4-byte character", '"😀"'.encode(), "😀"),
    ("a pair of surrogates", rb'"\ud83d\ude00"', "😀"),
    ("DEL", b'"\x7f"', "\x7f"),
    ("a non-character", rb'"\uffff"', "\uffff"),
    ("an integer of 4,300 digits", b"1" * 4_300, int("1" * 4_300)),
    ("a number that underflows", b"1e-999", 0.0),
    ("64 levels", nested(64), json.loads(nested(64))),
    ("2,000 members", members(2_000), json.loads(members(2_000))),
    ("one name in two objects", b'[{"a":1},{"a":1}]', [{"a": 1}, {"a": 1}]),
]

REFUSED = [
    ("nothing", b"", "empty", ""),
    ("white space", b" \n", "empty", ""),
    ("NaN", b"NaN", "syntax", ""),
    ("NaN inside", b'{"a": NaN}', "syntax", ""),
    ("Infinity", b"[-Infinity]", "syntax", ""),
    ("1e400", b'{"a": [0, 1e400]}', "not_finite", "/a/1"),
    ("a long decimal", b"1" * 400 + b".0", "not_finite", ""),
    ("an integer of 4,301 digits", b"1" * 4_301, "not_finite", ""),
    ("a name twice", b'{"a":1,"a":2}', "duplicate_key", ""),
    ("a name twice, once escaped", rb'{"a":1,"\u0061":2}', "duplicate_key", ""),
    ("a name twice, deep inside", b'[{"a":{"b":1,"b":2}}]', "duplicate_key", ""),
    ("a lone leading surrogate", rb'"\ud800"', "syntax", ""),
    ("a lone trailing surrogate", rb'"\udc00x"', "syntax", ""),
    ("surrogates the wrong way round", rb'"\ude00\ud83d"', "syntax", ""),
    ("a surrogate as a name", rb'{"\ud800":1}', "syntax", ""),
    ("a surrogate in UTF-8", b'"\xed\xa0\x80"', "encoding", ""),
    ("NUL escaped", rb'{"a/b": {"c~": ["\u0000"]}}', "control_character", "/a~1b/c~0/0"),
    ("NUL in a name", rb'{"x": {"\u0000": 1}}', "control_character", "/x"),
    ("another control character", rb'["\u001b"]', "control_character", "/0"),
    ("a raw control character", b'"a\nb"', "syntax", ""),
    ("a byte that is not UTF-8", b'"a\xff"', "encoding", ""),
    ("an overlong form", b'"\xc0\xaf"', "encoding", ""),
    ("UTF-16 with its mark", '{"a":1}'.encode("utf-16"), "encoding", ""),
    ("UTF-16, little end first", '{"a":1}'.encode("utf-16-le"), "encoding", ""),
    ("UTF-16, big end first", '{"a":1}'.encode("utf-16-be"), "encoding", ""),
    ("UTF-32", '{"a":1}'.encode("utf-32"), "encoding", ""),
    ("a byte order mark", b"\xef\xbb\xbf{}", "encoding", ""),
    ("65 levels", nested(65), "too_deep", "/0" * 32),
    ("100,000 levels", nested(100_000), "too_deep", ""),
    ("2,001 members", members(2_001), "too_many_keys", ""),
    ("2,001 members in many objects", b"[" + b",".join([b'{"a":0}'] * 2_001) + b"]", "too_many_keys", ""),
    ("a trailing comma in a list", b"[1,]", "syntax", ""),
    ("a trailing comma in an object", b'{"a":1,}', "syntax", ""),
    ("a comment", b"/* hello */ 1", "syntax", ""),
    ("two values", b"{}{}", "syntax", ""),
    ("text behind", b"{} x", "syntax", ""),
    ("a leading zero", b"01", "syntax", ""),
    ("a plus sign", b"+1", "syntax", ""),
    ("a bare point", b"1.", "syntax", ""),
    ("hexadecimal", b"0x1", "syntax", ""),
    ("single quotes", b"{'a': 1}", "syntax", ""),
    ("a name without quotes", b"{a: 1}", "syntax", ""),
    ("Python's True", b"True", "syntax", ""),
    ("a body cut off", b'{"a": [1', "syntax", ""),
    ("an unknown escape", rb'"\x41"', "syntax", ""),
    ("a form feed around", b"\x0c{}", "syntax", ""),
    ("a no-break space around", b"\xc2\xa0{}", "syntax", ""),
]


@pytest.mark.parametrize(("raw", "value"), [case[1:] for case in TAKEN], ids=[case[0] for case in TAKEN])
def test_a_well_formed_body_is_read(raw: bytes, value: Any) -> None:
    assert read_json(raw) == value


@pytest.mark.parametrize(
    ("raw", "code", "pointer"), [case[1:] for case in REFUSED], ids=[case[0] for case in REFUSED]
)
def test_a_malformed_body_is_refused_with_place_and_reason(raw: bytes, code: str, pointer: str) -> None:
    fault = fault_of(raw)
    assert (fault.code, fault.pointer) == (code, pointer)


@pytest.mark.parametrize("raw", [case[1] for case in REFUSED], ids=[case[0] for case in REFUSED])
def test_a_refusal_speaks_both_languages(raw: bytes) -> None:
    fault = fault_of(raw)
    assert fault.message_en.isascii()
    assert any(character >= "一" for character in fault.message_zh)


def test_a_refusal_says_line_and_column_of_bad_syntax() -> None:
    assert fault_of(b'{\n"a": x}').message_en == "Not well-formed JSON (line 2, column 6)"


@pytest.mark.parametrize(
    "raw", [b'{"geheim": 1, "geheim": 2}', b'"geheim', b'{"a": "geheim\x01"}', rb'{"a": "geheim\u0000"}']
)
def test_a_refusal_never_repeats_what_was_sent(raw: bytes) -> None:
    fault = fault_of(raw)
    assert "geheim" not in f"{fault.message_zh} {fault.message_en}"


def test_a_pointer_is_cut_at_64_characters() -> None:
    pointer = fault_of(b'{"' + b"n" * 500 + b'": 1e400}').pointer
    assert pointer == "/" + "n" * 63


def test_the_limits_can_be_set() -> None:
    with pytest.raises(MalformedJson):
        read_json(b"[[]]", max_depth=1)
    with pytest.raises(MalformedJson):
        read_json(b'{"a":1,"b":2}', max_keys=1)


@pytest.mark.parametrize("made", [lambda text: {"a": [text]}, lambda text: {text: 1}, lambda text: text])
def test_a_text_has_at_most_20_000_characters_whatever_its_bytes(made: Any) -> None:
    assert read_json(json.dumps(made("长" * 20_000), ensure_ascii=False).encode()) == made("长" * 20_000)
    with pytest.raises(MalformedJson) as refused:
        read_json(json.dumps(made("长" * 20_001), ensure_ascii=False).encode())
    assert refused.value.faults[0].code == "string_too_long"
    assert "20000" in refused.value.faults[0].message_en


def is_finite(value: object) -> bool:
    return not isinstance(value, float) or math.isfinite(value)


scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cc", "Cs"]))
values = st.recursive(
    scalars | texts, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=20
)


@settings(deadline=None)
@given(values)
def test_what_the_standard_library_writes_is_read_back(value: Any) -> None:
    assert read_json(json.dumps(value).encode()) == value


@settings(deadline=None)
@given(st.binary() | st.text().map(str.encode))
def test_noise_is_read_or_refused_and_nothing_else(raw: bytes) -> None:
    with suppress(MalformedJson):
        read_json(raw)
