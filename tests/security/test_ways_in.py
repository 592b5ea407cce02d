"""The table of ways in is whole: what opens without a key stands in docs/security.md."""

from __future__ import annotations

from collections.abc import Iterable

from onenet.api import about
from onenet.app import NOUNS
from tests.security.asvs import PAGE

PAGES = ("/track", "/verify", "/console")
"""What is no operation of the API."""


def not_told(paths: Iterable[str], page: str) -> list[str]:
    """Paths whose fixed part the section does not name."""
    section = page.split("## Ways in", 1)[1].split("\n## ", 1)[0]
    return [path for path in paths if f"`{path.partition('{')[0]}" not in section]


def test_every_way_in_without_a_key_is_on_the_page() -> None:
    stated = [each for noun in NOUNS for each in noun.operations.stated] + list(about.docs.stated)
    free = [each.path for each in stated if not each.needs_key]
    assert len(free) > 8
    assert not_told([*free, *PAGES], PAGE.read_text(encoding="utf-8")) == []


def test_control_a_way_in_that_is_not_told_is_found() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert not_told(["/v1/backdoor/{name}"], page) == ["/v1/backdoor/{name}"]
    assert not_told(["/v1/progress/{number}"], page.replace("`/v1/progress/", "`/v1/elsewhere/")) != []
