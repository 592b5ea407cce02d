"""Writes the table of moves in docs/frontend.md from the code: `python3 dev.py moves`.

What an action is called, what it is done to, and while what goes on beside a state, are words of the page:
they stay as they stand there. An action that is new to the page has `?` for them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from onenet.domain import moves, tickets
from onenet.domain.states import Word

PAGE = Path(__file__).resolve().parent.parent / "docs" / "frontend.md"
MARK = "<!-- table: moves -->\n"
HEAD = "| action | 中文 | to | while it is | by |\n|---|---|---|---|---|\n"
UNSAID = ["?", "?", "?"]


def page(text: str) -> str:
    """The page with the table as the code has it."""
    before, _, after = text.partition(MARK)
    table, end, rest = after.partition("\n\n")
    rows = [line.split(" | ") for line in table.splitlines()[2:]]
    words = {cells[0].strip("|` "): cells[1:4] for cells in rows}
    return before + MARK + HEAD + "\n".join(_rows(words)) + end + rest


def _rows(words: dict[str, list[str]]) -> Iterator[str]:
    for action, states, by in _moves():
        name, to, beside = words.get(action, UNSAID)
        yield f"| `{action}` | {name} | {to} | {_quoted(states) or beside} | {_quoted(by)} |"


def _moves() -> Iterator[tuple[str, list[str], Iterable[str]]]:
    """Each action, in which states, and by whom; no states where it hangs on what goes on beside them."""
    yield from ((action, _in_order(move.states), move.by) for action, move in moves.OF_STEP.items())
    yield from ((action, [], move.by) for action, move in moves.OF_PROCEDURES.items())
    yield from ((action, _in_order(move.states), move.by) for action, move in moves.OF_CASE.items())
    yield from ((act.value, _in_order(move.states), (move.by,)) for act, move in tickets.ACTS.items())


def _in_order(states: frozenset[Word]) -> list[str]:
    return [each.value for each in type(next(iter(states))) if each in states]


def _quoted(words: Iterable[str]) -> str:
    return ", ".join(f"`{word}`" for word in words)


if __name__ == "__main__":
    PAGE.write_text(page(PAGE.read_text(encoding="utf-8")), encoding="utf-8")
