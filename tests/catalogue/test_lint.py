"""What the check says, beyond the places that `test_faults` compares."""

import shutil
from pathlib import Path

import pytest

from onenet.catalogue.lint import ANSWER_RULES, BUNDLE_RULES, CATALOGUE_RULES, Report, lint
from onenet.domain.bundle import Bundle
from onenet.resources import example_catalogue_dir

HERE = Path(__file__).resolve().parent


@pytest.fixture(scope="module")
def examples() -> Report:
    return lint(example_catalogue_dir())


def bundle(report: Report, code: str) -> Bundle:
    return next(bundle for bundle in report.bundles if bundle.code == code)


def said(folder: Path, text: str) -> list[str]:
    """The messages about one file beside the sound base."""
    shutil.copy(HERE / "base.yaml", folder)
    (folder / "one.yaml").write_text(text, encoding="utf-8")
    return [finding.message for finding in lint(folder).findings]


def fault(folder: Path, name: str) -> list[str]:
    return said(folder, (HERE / "faults" / f"{name}.yaml").read_text(encoding="utf-8"))


def test_the_shipped_examples_have_no_error(examples: Report) -> None:
    assert examples.errors == ()
    assert examples.bundles


def test_the_shipped_examples_show_their_known_conflicts(examples: Report) -> None:
    warnings = [finding.message for finding in examples.findings]
    assert any(
        "newborn promises 5 workdays, its member social_security_card 30 workdays" in w for w in warnings
    )
    assert any("adds up to 45 workdays" in warning for warning in warnings)
    assert any("restaurant promises 4 workdays, its member food_licence 10 workdays" in w for w in warnings)


def test_members_of_a_built_bundle_follow_what_they_come_after(examples: Report) -> None:
    for built in examples.bundles:
        codes = [member.code for member in built.members]
        assert all(codes.index(code) < codes.index(m.code) for m in built.members for code in m.after)


def test_a_promise_shorter_than_a_members_is_named_with_both_numbers(tmp_path: Path) -> None:
    messages = fault(tmp_path, "promise_short")
    assert messages[0] == "one promises 6 workdays, its member slow 30 workdays; both are kept"


def test_a_cycle_is_named_from_end_to_end(tmp_path: Path) -> None:
    assert fault(tmp_path, "cycle") == [
        "members wait for each other: birth after card after household after birth"
    ]


def test_alternatives_that_meet_are_named_with_answers_to_try(tmp_path: Path) -> None:
    message = next(m for m in fault(tmp_path, "alternatives_meet") if "alternatives" in m)
    assert message == "birth and card are alternatives, and both apply with married = true, route = full"


def test_a_result_that_comes_too_late_is_named_with_the_edge_to_add(tmp_path: Path) -> None:
    assert "expected birth in after of household" in fault(tmp_path, "producer_not_before")[0]


def test_an_undeclared_answer_is_named_with_those_that_are_declared(tmp_path: Path) -> None:
    assert (
        "no question is called maried; declared are: married, route"
        in fault(tmp_path, "undeclared_answer")[0]
    )


def test_a_file_lost_to_its_syntax_makes_nothing_dangling(tmp_path: Path) -> None:
    (tmp_path / "broken.yaml").write_text("items: [", encoding="utf-8")
    messages = said(tmp_path, "bundles: []\n")
    assert len(messages) == 1
    assert messages[0].startswith("not well-formed YAML")


def test_a_reference_to_an_entry_of_bad_form_is_not_called_dangling(tmp_path: Path) -> None:
    text = (
        "departments: [{code: tax, names: {zh: 税}}]\n"
        'items: [{code: a, names: {zh: 甲, en: A}, department: tax, item_type: "20"}]\n'
    )
    assert said(tmp_path, text) == ["the key en is missing"]


def test_a_folder_without_files_is_an_error(tmp_path: Path) -> None:
    assert [finding.code for finding in lint(tmp_path).errors] == ["no_files"]


def test_one_file_can_bring_a_bundle_with_all_it_needs(tmp_path: Path) -> None:
    text = """
departments: [{code: parks, names: {zh: 园林, en: Parks}}]
fields: [{code: tree_name, names: {zh: 树名, en: Name of the tree}, schema: {type: string}}]
materials: [{code: tree_photo, names: {zh: 照片, en: Photo}, mode: 4}]
items:
  - code: plant_tree
    names: {zh: 种树, en: Plant a tree}
    department: parks
    item_type: "20"
    fields: {tree_name: required}
    materials: [tree_photo]
bundles:
  - code: tree
    names: {zh: 认养树木, en: Adopt a tree}
    audience: [natural_person]
    lead: parks
    jurisdictions: [district]
    members: [{item: plant_tree}]
"""
    assert said(tmp_path, text) == []
    built = bundle(lint(tmp_path), "tree")
    assert [member.code for member in built.members] == ["plant_tree"]
    assert set(built.fields) == {"tree_name"}
    assert set(built.materials) == {"tree_photo"}
    assert set(built.departments) == {"parks"}


def test_nothing_can_be_published_from_a_catalogue_with_an_error(tmp_path: Path) -> None:
    fault(tmp_path, "cycle")
    report = lint(tmp_path)
    assert (report.jurisdictions, report.departments, report.bundles) == ((), (), ())


@pytest.mark.parametrize("rule", [*CATALOGUE_RULES, *BUNDLE_RULES, *ANSWER_RULES])
def test_every_rule_says_what_it_is_about(rule: object) -> None:
    assert rule.__doc__
