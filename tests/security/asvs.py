"""How onenet stands to OWASP ASVS 5.0: reads docs/asvs.yaml, finds what is wrong with it, writes the table.

`python3 dev.py asvs` writes the generated part of docs/security.md; `test_asvs.py` says when it has drifted.
Source: OWASP Application Security Verification Standard 5.0.0, CC BY-SA 4.0; levels below, words our own.
"""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, model_validator

from onenet.settings import PREFIX, Settings

ROOT = Path(__file__).resolve().parents[2]
TABLE = ROOT / "docs" / "asvs.yaml"
PAGE = ROOT / "docs" / "security.md"
BEGIN, END = (
    "<!-- generated from docs/asvs.yaml by `python3 dev.py asvs` -->\n",
    "<!-- end of what is generated -->\n",
)

CHAPTERS = (
    "Encoding and sanitization", "Validation and business logic", "Web frontend", "API and web service",
    "File handling", "Authentication", "Session management", "Authorization", "Self-contained tokens",
    "OAuth and OIDC", "Cryptography", "Secure communication", "Configuration", "Data protection",
    "Secure coding and architecture", "Security logging and error handling", "WebRTC",
)  # fmt: skip

LEVELS = """
1.1:22 1.2:1111122223 1.3:112222222223 1.4:222 1.5:123 2.1:122 2.2:112 2.3:12223 2.4:23 3.1:3 3.2:113
3.3:12223 3.4:11222233 3.5:11122333 3.6:3 3.7:22333 4.1:12233 4.2:23333 4.3:22 4.4:1222 5.1:2 5.2:112333
5.3:113 5.4:222 6.1:122 6.2:111111112222 6.3:11223333 6.4:112233 6.5:22222333 6.6:2223 6.7:33 6.8:2222
7.1:222 7.2:1111 7.3:22 7.4:11222 7.5:223 7.6:22 8.1:1233 8.2:1123 8.3:133 8.4:23 9.1:111 9.2:1222 10.1:22
10.2:223 10.3:22223 10.4:1111122222233333 10.5:22222 10.6:22 10.7:222 11.1:2233 11.2:22233 11.3:11233
11.4:1222 11.5:23 11.6:23 11.7:33 12.1:12233 12.2:11 12.3:22223 13.1:2333 13.2:222223 13.3:2233 13.4:1222233
14.1:22 14.2:12223333 14.3:122 15.1:12233 15.2:12233 15.3:1222222 15.4:3333 16.1:2 16.2:22222 16.3:2222
16.4:222 16.5:2223 17.1:23 17.2:22223333 17.3:22
"""
"""The levels of the requirements of each section, in their order."""

AIMED_AT = (
    "1.2.10", "1.3.12", "2.3.5", "4.1.5", "5.2.4", "5.2.5", "5.2.6", "8.1.4", "10.3.5", "11.3.4", "14.2.6",
    "14.2.7", "15.4.1", "15.4.2", "15.4.3", "15.4.4", "16.5.4",
)  # fmt: skip
"""Requirements of level 3 that onenet wants to meet all the same."""

Verdict = Literal["met", "operator", "not_yet", "not_applicable"]
WORDS: dict[Verdict, str] = {
    "met": "met",
    "operator": "operator",
    "not_yet": "not yet",
    "not_applicable": "not applicable",
}


class Requirement(BaseModel):
    """One requirement and how onenet stands to it: exactly one of the four verdicts is given."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    id: str
    level: int
    asks: str
    met: list[str] = []
    operator: list[str] = []
    not_yet: str = ""
    not_applicable: str = ""

    @model_validator(mode="after")
    def _one_verdict(self) -> Requirement:
        given = [verdict for verdict in WORDS if getattr(self, verdict)]
        if len(given) != 1:
            raise ValueError(f"{self.id}: expected one verdict of {', '.join(WORDS)}")
        return self

    @property
    def verdict(self) -> Verdict:
        """The one that is given."""
        return next(verdict for verdict in WORDS if getattr(self, verdict))

    @property
    def evidence(self) -> list[str]:
        """What shows it."""
        return self.met or self.operator


class Standing(BaseModel):
    """The whole file."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    reasons: dict[str, str]
    requirements: list[Requirement]


def read(text: str) -> Standing:
    """The table. Raises: ValueError that names what is wrong."""
    return Standing.model_validate(yaml.load(text, yaml.CSafeLoader))  # a safe one, ten times as fast


def levels() -> dict[str, int]:
    """Every requirement of the standard and its level."""
    sections = (section.split(":") for section in LEVELS.split())
    return {f"{name}.{n}": int(level) for name, digits in sections for n, level in enumerate(digits, 1)}


# What is wrong


def faults(standing: Standing) -> list[str]:
    """What the table leaves out, says twice, or names in vain."""
    return [*_wrong_ids(standing.requirements), *_wrong_reasons(standing), *_broken(standing.requirements)]


def _wrong_ids(requirements: Sequence[Requirement]) -> Iterator[str]:
    known = levels()
    expected = [each for each, level in known.items() if level < 3 or each in AIMED_AT]
    given = [each.id for each in requirements]
    yield from (f"{each}: missing" for each in expected if each not in given)
    yield from (f"{each}: not expected" for each in given if each not in expected)
    yield from (f"{each}: {times} times" for each, times in Counter(given).items() if times > 1)
    yield from (f"{r.id}: level {known[r.id]}" for r in requirements if r.level != known.get(r.id, r.level))
    order = [each for each in expected if each in given]
    if sorted(set(given), key=given.index) != order and set(given) == set(order):
        yield "the order is not that of the standard"


def _wrong_reasons(standing: Standing) -> Iterator[str]:
    used = {each.not_applicable for each in standing.requirements} - {""}
    yield from (f"no reason {name}" for name in sorted(used - set(standing.reasons)))
    yield from (f"reason {name} is not used" for name in sorted(set(standing.reasons) - used))


def _broken(requirements: Sequence[Requirement]) -> Iterator[str]:
    for requirement in requirements:
        yield from (f"{requirement.id}: {name}" for name in requirement.evidence if not exists(name))
        if requirement.operator and not any(name.startswith("docs/") for name in requirement.operator):
            yield f"{requirement.id}: no page tells the operator"


def exists(reference: str) -> bool:
    """Whether a test, a heading or a setting is there."""
    match re.split("(::|#)", reference):
        case [path, "::", name] if re.fullmatch(r"tests/[\w/]+\.py", path):
            test, _, parameter = name.removesuffix("]").partition("[")
            return test in tests_in(ROOT / path) and (not parameter or parameter in texts_beside(ROOT / path))
        case [path, "#", name] if re.fullmatch(r"docs/[\w-]+\.md", path):
            return name in headings_in(ROOT / path)
        case [name] if name.startswith(PREFIX):
            return name.removeprefix(PREFIX).lower() in Settings.model_fields
        case _:
            return False


@cache
def tests_in(file: Path) -> frozenset[str]:
    """The tests of a module, as its syntax tree has them: a name in a comment is none."""
    functions = (
        node for node in tree_of(file).body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


@cache
def texts_beside(file: Path) -> frozenset[str]:
    """The texts of the modules of a folder; its tests have the names of their parameters among them."""
    trees = map(tree_of, file.parent.glob("*.py"))
    constants = (node.value for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant))
    return frozenset(value for value in constants if isinstance(value, str))


@cache
def tree_of(file: Path) -> ast.Module:
    """The syntax tree; an empty one where there is no such file."""
    return ast.parse(file.read_text(encoding="utf-8") if file.is_file() else "")


@cache
def headings_in(file: Path) -> frozenset[str]:
    """The anchors of a page, made as the common renderers do."""
    if not file.is_file():
        return frozenset()
    text = re.sub(r"```.*?```", "", file.read_text(encoding="utf-8"), flags=re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", text, re.MULTILINE)
    return frozenset(re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles)


# The page


def page(text: str, standing: Standing) -> str:
    """The page with its generated part made anew."""
    before, _, rest = text.partition(BEGIN)
    _, _, after = rest.partition(END)
    return before + BEGIN + "\n" + "\n".join(_generated(standing)) + "\n" + END + after


def counts(requirements: Sequence[Requirement]) -> dict[int, Counter[Verdict]]:
    """How many requirements of each level have which verdict."""
    return {n: Counter(each.verdict for each in requirements if each.level == n) for n in (1, 2, 3)}


def _generated(standing: Standing) -> Iterator[str]:
    yield f"| level | {' | '.join(WORDS.values())} | in all |"
    yield "|---|---|---|---|---|---|"
    for level, found in counts(standing.requirements).items():
        name = f"{level}" if level < 3 else "3, those aimed at"
        yield f"| {name} | {' | '.join(str(found[verdict]) for verdict in WORDS)} | {found.total()} |"
    yield ""
    for number, chapter in groupby(standing.requirements, key=lambda each: int(each.id.partition(".")[0])):
        yield f"### V{number} {CHAPTERS[number - 1]}"
        yield ""
        yield from _chapter(list(chapter), standing.reasons)


def _chapter(requirements: Sequence[Requirement], reasons: dict[str, str]) -> Iterator[str]:
    applicable = [each for each in requirements if not each.not_applicable]
    if applicable:
        yield "| | level | asks | verdict | shown by |"
        yield "|---|---|---|---|---|"
        yield from map(_row, applicable)
        yield ""
    for name, reason in reasons.items():
        if ids := [each.id for each in requirements if each.not_applicable == name]:
            yield f"Not applicable: {', '.join(ids)} ({reason})."
            yield ""


def _row(requirement: Requirement) -> str:
    shown = requirement.not_yet or ", ".join(map(_link, requirement.evidence))
    cells = (requirement.id, str(requirement.level), requirement.asks, WORDS[requirement.verdict], shown)
    return f"| {' | '.join(cells)} |"


def _link(reference: str) -> str:
    """A link as it reads on a page of docs/."""
    path, mark, name = re.split("(::|#)", reference) if "/" in reference else ("", "", reference)
    if mark == "::":
        test, _, parameter = name.removeprefix("test_").removesuffix("]").partition("[")
        return f"[{test.replace('_', ' ')}{parameter and ': ' + parameter}](../{path})"
    if mark == "#":
        own = "" if path == "docs/security.md" else path.removeprefix("docs/")
        return f"[{Path(path).stem}: {name.replace('-', ' ')}]({own}#{name})"
    return f"[`{name}`](administrators.md#settings)"


if __name__ == "__main__":
    wrong = faults(standing := read(TABLE.read_text(encoding="utf-8")))
    if wrong:
        raise SystemExit("\n".join(wrong))
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8"), standing), encoding="utf-8")
