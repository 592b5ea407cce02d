from pathlib import Path

import pytest

from onenet.catalogue.findings import Place
from onenet.catalogue.source import MAX_FILE_BYTES, Node, read_file


def write(folder: Path, content: str | bytes) -> Path:
    path = folder / "a.yaml"
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def sound(folder: Path, content: str) -> Node:
    node, findings = read_file(write(folder, content))
    assert findings == []
    assert node is not None
    return node


def faults(folder: Path, content: str | bytes) -> list[tuple[int, int, str]]:
    _, findings = read_file(write(folder, content))
    return [(finding.place.line, finding.place.column, finding.code) for finding in findings]


def test_a_value_knows_its_line_and_column_in_characters(tmp_path: Path) -> None:
    node = sound(tmp_path, "甲: 一\n乙: [丙, {丁: 戊}]\n")
    assert node.value == {"甲": "一", "乙": ["丙", {"丁": "戊"}]}
    place = node.find(("乙", 1, "丁")).place
    assert (place.line, place.column) == (2, 12)


def test_a_path_that_leads_nowhere_ends_at_the_nearest_value_above(tmp_path: Path) -> None:
    node = sound(tmp_path, "a:\n  b: 1\n")
    assert node.find(("a", "c", "d")) == node.children["a"]


def test_a_quoted_text_begins_behind_its_quote(tmp_path: Path) -> None:
    node = sound(tmp_path, "a: 'x == 1'\nb: x == 1\nc: \"x\\n\"\n")
    assert [node.children[key].verbatim_column for key in "abc"] == [5, 4, None]


def test_an_alias_stands_for_the_value_of_its_anchor(tmp_path: Path) -> None:
    assert sound(tmp_path, "a: &x [1, 2]\nb: *x\n").value == {"a": [1, 2], "b": [1, 2]}


def test_aliases_that_multiply_are_refused_before_they_fill_the_memory(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
    assert [code for _, _, code in faults(tmp_path, "\n".join(lines))] == ["too_large"]


def test_an_alias_inside_its_own_anchor_is_refused(tmp_path: Path) -> None:
    assert faults(tmp_path, "a: &x [*x]\n") == [(1, 8, "unknown_alias")]


@pytest.mark.parametrize(
    "text", ["no", "Yes", "on", "0x10", "1_000", "1:30", "012", ".inf", "2026-01-01", "TRUE"]
)
def test_a_plain_word_that_yaml_takes_for_something_else_is_refused(tmp_path: Path, text: str) -> None:
    assert faults(tmp_path, f"a: {text}\n") == [(1, 4, "ambiguous_value")]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("true", True),
        ("12", 12),
        ("-3", -3),
        ("1.5", 1.5),
        ("null", None),
        ("", None),
        ("'no'", "no"),
        ("n", "n"),
    ],
)
def test_a_plain_value_means_what_it_says(tmp_path: Path, text: str, value: object) -> None:
    assert sound(tmp_path, f"a: {text}\n").value == {"a": value}


def test_bytes_that_are_not_utf8_are_refused_where_they_stand(tmp_path: Path) -> None:
    assert faults(tmp_path, "甲: 一\n乙: ".encode() + "二".encode("gb18030")) == [(2, 4, "not_utf8")]


def test_a_file_of_more_than_a_megabyte_is_refused(tmp_path: Path) -> None:
    assert faults(tmp_path, b"#" * (MAX_FILE_BYTES + 1)) == [(1, 1, "too_large")]


def test_deep_nesting_is_refused(tmp_path: Path) -> None:
    assert [code for _, _, code in faults(tmp_path, "[" * 100 + "]" * 100)] == ["too_deep"]


def test_an_empty_file_holds_nothing_and_has_no_fault(tmp_path: Path) -> None:
    assert read_file(write(tmp_path, "# nothing yet\n"))[1] == []


def test_a_place_reads_as_editors_print_it() -> None:
    assert str(Place("a.yaml", 3, 7)) == "a.yaml:3:7"
