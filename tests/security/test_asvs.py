"""docs/asvs.yaml is whole and true, and docs/security.md shows what it says."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest

from tests.security import asvs
from tests.security.asvs import PAGE, TABLE, exists, faults, page, read

TEXT = TABLE.read_text(encoding="utf-8")


def test_the_levels_of_the_standard_are_70_183_and_92() -> None:
    assert Counter(asvs.levels().values()) == {1: 70, 2: 183, 3: 92}


def test_every_requirement_is_there_once_and_what_it_names_exists() -> None:
    assert faults(read(TEXT)) == []


def test_the_page_shows_what_the_table_says() -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert text == page(text, read(TEXT)), "run `python3 dev.py asvs`"


def test_a_requirement_of_level_1_or_2_that_is_not_met_says_why() -> None:
    open_ones = [each for each in read(TEXT).requirements if each.not_yet]
    assert [each.id for each in open_ones if len(each.not_yet) < 10] == []


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("test_routes.py::test_every_route_has_a_permission", "test_routes.py::test_nothing", "8.2.1"),
        ("docs/security.md#names-and-origins", "docs/security.md#names", "3.5.4"),
        ("    - ONENET_TEST_MODE\n", "    - ONENET_TEST_MOOD\n", "13.4.2"),
        ("- id: 1.2.4\n", "- id: 1.2.44\n", "1.2.4: missing"),
        ("- id: 1.2.4\n", "- id: 1.2.2\n", "1.2.2: 2 times"),
        ("{id: 6.2.1, level: 1,", "{id: 6.2.1, level: 2,", "6.2.1: level 1"),
        ("not_applicable: graphql}", "not_applicable: graph}", "no reason graph"),
        ("  as: ", "  more: nothing\n  as: ", "reason more is not used"),
    ],
)
def test_control_a_table_that_is_wrong_is_found(right: str, wrong: str, said: str) -> None:
    assert right in TEXT
    found = faults(read(TEXT.replace(right, wrong, 1)))
    assert any(said in each for each in found), found


@pytest.mark.parametrize("more", ["  not_yet: soon\n", "  not_applicable: graphql\n"])
def test_control_two_verdicts_are_refused(more: str) -> None:
    with pytest.raises(ValueError, match=r"1\.2\.5: expected one verdict"):
        read(TEXT.replace("- id: 1.2.5\n", "- id: 1.2.5\n" + more))


@pytest.mark.parametrize(
    "reference",
    [
        "tests/security/test_asvs.py::read",
        "tests/security/test_asvs.py::test_that_is_named_in_a_text_only",
        "tests/security/test_nowhere.py::test_the_page_shows_what_the_table_says",
        "docs/nowhere.md#ways-in",
        "docs/security.md",
        "tests/security/test_asvs.py",
        "src/onenet/app.py::create_app",
        "a word",
    ],
)
def test_control_what_is_no_evidence_is_none(reference: str) -> None:
    assert not exists(reference)


def test_control_a_page_that_was_edited_by_hand_is_found(tmp_path: Path) -> None:
    text = PAGE.read_text(encoding="utf-8")
    assert page(text.replace("| not yet |", "| met |", 2), read(TEXT)) == page(text, read(TEXT)) == text
