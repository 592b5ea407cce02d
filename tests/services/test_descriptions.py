"""A description is checked as the catalogue is: file, line, column, what was expected."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from onenet.adapters.description import SHEET
from onenet.errors import MisconfiguredError
from onenet.resources import example_descriptions_dir
from onenet.services import descriptions
from tests.factories import make_case

GOOD = """\
request:
  path: /cases
  body:
    id: ${/task}
answer:
  word: /state
  words:
    ok: {outcome: accepted}
"""


def lint(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "d.yaml"
    file.write_text(text, encoding="utf-8")
    return [str(finding).removeprefix(f"{file.as_posix()}:") for finding in descriptions.read(file)[1]]


def test_a_description_without_faults_is_kept_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "d.yaml").write_text(GOOD, encoding="utf-8")
    found, findings = descriptions.read(tmp_path / "d.yaml")
    assert (found["request"], findings) == ({"path": "/cases", "body": {"id": "${/task}"}}, [])


@pytest.mark.parametrize(
    ("before", "after", "said"),
    [
        ("path:", "paht:", "2:3: error: unknown key paht; known here are: format, path, headers"),
        ("request:", "x: 1\nrequest:", "1:1: error: unknown key x; known here are: request, answer"),
        ("  word: /state\n", "", "6:3: error: the key word is missing"),
        ("word: /state", "word: state", "6:9: error: expected a JSON Pointer"),
        ("path: /cases", "path: https://x/", "2:9: error: expected a path that begins with /"),
        ("path: /cases", "path: /c\n  method: DELETE", "3:11: error: expected 'POST', 'PUT' or 'PATCH'"),
        ("${/task}", "${/taks}", "4:9: error: /taks leads nowhere in a task; its members"),
        ("${/task}", "${/credentials}", "4:9: error: /credentials leads nowhere in a task"),
        ("path: /cases", "path: /c?k=${/credentials/key}", "2:9: error: /credentials/key leads nowhere in a"),
        ("path:", "headers: {x-key: '${/credentials/key}'}\n  path:", "2:20: error: /credentials/key leads"),
        ("${/task}", "${task}", "4:9: error: expected each ${ to begin a reference"),
        ("${/task}", "{{ task }}", "4:10: error: expected text as key"),
        ("id: ${/task}", "$eval: 1", "4:5: error: expected $each with $as"),
        ("accepted", "acepted", "8:19: error: expected outcome: one of received, accepted, completed"),
        ("outcome: accepted", "opinion: x", "8:9: error: expected outcome: one of received"),
        ("accepted}", "resumed, remark: x}", "8:28: error: unknown key remark; resumed goes with: opinion"),
        ("accepted}", "suspended}", "8:9: error: the key procedure is missing"),
        ("accepted}", 'unclear, reason: "${/x}"}', "8:36: error: expected words of your own"),
        ("accepted}", "rejected, reason: x, reason_code: odd}", "8:53: error: expected one of not_n"),
        ("ok:", "1:", "8:5: error: expected text as key"),
        ("/cases", '"/a b"', "2:9: error: expected a path without blanks"),
        ("/cases", r'"/a\n?x"', "2:9: error: expected a path without blanks"),
        ("/cases", "/a#b", "2:9: error: expected a path without blanks"),
        ("path:", "headers: {x a: b}\n  path:", "2:13: error: expected the name of a header"),
        ("path:", "headers: {x-a: 小}\n  path:", "2:18: error: expected ASCII on one line"),
        ("path:", r'headers: {x-a: "b\nc"}' + "\n  path:", "2:18: error: expected ASCII on one line"),
        ("path:", "headers: {Authorization: x}\n  path:", "2:13: error: expected no credential here"),
        ("  words:", "  statuses: {'304': {outcome: received}}\n  words:", "7:14: error: expected a status"),
        ("  body:", "  format: xml\n  body:\n    a: 1", "5:5: error: expected one element at the top"),
        *(
            ("body:\n    id: ${/task}", f"format: {form}\n  body: {body}", said)
            for form, body, said in (
                ("form", "{a: {b: c}}", "4:13: error: expected one text, number or truth value in a field"),
                ("form", "{a: [b]}", "4:13: error: expected one text"),
                ("form", "{a: null}", "4:13: error: expected one text"),
                ("form", "{$value: a, $words: {a: b}}", "4:9: error: expected a mapping"),
                ("xml", "{a b: c}", "4:10: error: expected a name that an XML element or attribute can have"),
                ("xml", "{a: [{b: {c d: e}}]}", "4:19: error: expected a name that an XML element"),
                ("xml", "{a: {b: {$each: '${/materials}', $as: {c d: e}}}}", "4:48: error: expected a name"),
                ("xml", "{a: {'@b c': d}}", "4:14: error: expected a name that an XML element"),
                ("xml", "{a: {'@b': {c: d}}}", "4:20: error: expected one text or number"),
                ("xml", "{a: {b: [[c]]}}", "4:18: error: expected one element, and no list"),
                ("xml", "{a: {$each: '${/materials}'}}", "4:13: error: expected $each with $as"),
                ("xml", "{a: [b, c]}", "4:9: error: expected one element at the top"),
                ("xml", "{a: {$each: '${/materials}', $as: b}}", "4:9: error: expected one element at the t"),
            )
        ),
        *(
            ("${/task}", f"{{$value: '${{/created_at}}', $date: '{spelling}'}}", "4:43: error: expected a s")
            for spelling in ("%Y%m%d%", "%Y%m%d%Q", "%Y%m%d%Y", "%%Y%m%d", "%Y-%m")
        ),
        *(
            ("path:", f"headers: {{{name}: x}}\n  path:", f"2:13: error: expected no header {name.lower()}")
            for name in ("Host", "content-length", "expect", "idempotency-key", "webhook-id", "user-agent")
        ),
        ("answer:", "auth: {header: {name: Host, value: '${/a}'}}\nanswer:", "5:23: error: expected no h"),
        ("answer:", "poll: {path: /x}\nanswer:", "5:7: error: the key every is missing"),
        ("answer:", "poll: {every: 0}\nanswer:", "5:15: error: expected greater than or equal to 1"),
        ("answer:", "poll: {every: 9, path: /x, body: {a: b}}\nanswer:", "5:28: error: expected no body"),
        ("answer:", "poll: {every: 9, path: '/${/taks}'}\nanswer:", "5:24: error: /taks leads nowhere in"),
        ("answer:", "poll: {every: 9, path: '/${/reference}'}\nanswer:", "7:3: error: the key reference is"),
        ("answer:", "poll: {every: 9, headers: {host: a}}\nanswer:", "5:28: error: expected no header host"),
        ("answer:", "poll: {every: 9, method: POST, format: xml, body: {a: [b, c]}}\nanswer:",
         "5:51: error: expected one element at the top"),
        ("path: /cases", "path: '/${/reference}'", "2:9: error: /reference leads nowhere in a task"),
        ("answer:", "auth: {header: {name: x, value: '密 ${/a}'}}\nanswer:", "5:33: error: expected ASCII"),
        ("answer:", "auth: {basic: {user: x, password: '${/a}'}, header: {name: x, value: '${/a}'}}\nanswer:",
         "5:7: error: expected one of header, basic, oauth2"),
        ("answer:", "auth: {certificate: geheim}\nanswer:", "5:21: error: expected a reference"),
        ("answer:", "auth: {authority: ca.pem}\nanswer:", "5:19: error: expected -----BEGIN CERTIF"),
        ("answer:", "auth: {basic: {user: x, password: me}}\nanswer:", "5:35: error: expected a reference"),
        ("answer:", "auth: {header: {name: x, value: geheim}}\nanswer:", "5:33: error: expected a reference"),
        ("answer:", "auth: {header: {name: x y, value: '${/a}'}}\nanswer:", "5:23: error: expected the name"),
        *(
            ("answer:", f"auth: {{oauth2: {{token_url: '{url}', client_id: x, client_secret: y}}}}\nanswer:",
             "5:28: error: expected an address")
            for url in ("https://me:geheim@x/", "ftp://x/", "/token", "https://x/#a", "https://${/host}/")
        ),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place_and_what_was_expected(
    tmp_path: Path, before: str, after: str, said: str
) -> None:
    assert before in GOOD
    assert lint(tmp_path, GOOD.replace(before, after, 1))[0].startswith(said)


@pytest.mark.parametrize("text", ["", "[]", "12", "request: &a [*a]"])
def test_what_is_no_description_at_all_is_told(tmp_path: Path, text: str) -> None:
    assert lint(tmp_path, text)


@pytest.mark.parametrize(
    "path", sorted(example_descriptions_dir().glob("*.yaml")), ids=lambda path: path.stem
)
def test_the_shipped_descriptions_have_no_fault(path: Path) -> None:
    assert descriptions.read(path)[1] == []


def test_a_reference_may_begin_with_any_member_of_a_task_and_no_other() -> None:
    (task,) = make_case().tasks.values()
    of_each = SHEET - {"receiving", "delivery", "subject"}
    assert set(json.loads(task.payload)) == of_each
    sample = json.loads((example_descriptions_dir() / "sample_task.json").read_bytes())
    assert set(sample) == of_each


def test_a_georeport_server_is_linted_by_its_own_rules(tmp_path: Path) -> None:
    file = tmp_path / "d.yaml"
    file.write_text(
        "services: {x: {code: '1'}}\nfields:\n  zip: 1\n  address_id: ${/form/a}\n", encoding="utf-8"
    )
    (finding,) = descriptions.read(file, "open311")[1]
    assert str(finding).startswith(
        f"{file.as_posix()}:3:3: error: unknown key zip; known here are: lat, long"
    )


def test_an_adapter_that_takes_no_description_says_so(tmp_path: Path) -> None:
    with pytest.raises(MisconfiguredError, match="rest and open311"):
        descriptions.read(tmp_path / "d.yaml", "webhook")
