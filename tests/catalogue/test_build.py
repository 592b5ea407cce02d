import hashlib
import json
from dataclasses import replace

import pytest

from onenet.catalogue.build import content, content_text, fingerprint, in_order
from onenet.catalogue.lint import lint
from onenet.domain.bundle import Bundle, Member, read_bundle
from onenet.resources import example_catalogue_dir

NAMES = {"zh": "项", "en": "Item"}


@pytest.fixture(scope="module")
def bundles() -> tuple[Bundle, ...]:
    return lint(example_catalogue_dir()).bundles


def member(code: str, *after: str) -> Member:
    return Member(code, code, NAMES, "health", "20", after=after)


def test_a_bundle_comes_back_from_its_text_as_it_was(bundles: tuple[Bundle, ...]) -> None:
    for bundle in bundles:
        assert read_bundle(json.loads(content_text(bundle)), 0) == bundle


def test_the_content_does_not_hold_its_version(bundles: tuple[Bundle, ...]) -> None:
    assert "version" not in content(bundles[0])
    assert fingerprint(replace(bundles[0], version=7)) == fingerprint(bundles[0])


def test_the_fingerprint_is_that_of_the_stored_text(bundles: tuple[Bundle, ...]) -> None:
    assert fingerprint(bundles[0]) == hashlib.sha256(content_text(bundles[0]).encode()).hexdigest()


def test_any_change_of_content_changes_the_fingerprint(bundles: tuple[Bundle, ...]) -> None:
    assert fingerprint(replace(bundles[0], fees=None, lead="nobody")) != fingerprint(bundles[0])


def test_members_keep_their_order_where_the_graph_leaves_it_open() -> None:
    given = [member("c", "a"), member("b"), member("a")]
    assert [each.code for each in in_order(given)] == ["b", "a", "c"]


def test_a_circle_has_no_order() -> None:
    with pytest.raises(KeyError):
        in_order([member("a", "b"), member("b", "a")])
