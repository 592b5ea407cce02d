"""The live table: the newest cases, how far each step is, who is waited for and until when. Only drawing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from onenet.console import words
from onenet.console.words import Language
from onenet.demo.applicant import FINAL, View
from onenet.demo.city import ZONE
from onenet.domain.states import CaseState, StepState

STYLES = {
    "completed": "green",
    "rejected": "red",
    "supplement_needed": "bold yellow",
    "held": "bold magenta",
    "suspended": "magenta",
    "accepted": "cyan",
    "dispatched": "cyan",
    "partly_completed": "yellow",
}
LIGHTS = {"yellow": "yellow", "red": "red"}
"""The number of a case has the colour of its light."""

PRESSING = ("applicant", "officer", "time", "department", "steps")
"""Of several steps that wait, the one whose wait comes first here is told."""

WAITED_FOR: Mapping[str, words.Words] = {
    "applicant": {"zh": "申请人", "en": "applicant"},
    "officer": {"zh": "工作人员", "en": "officer"},
    "time": {"zh": "等待期", "en": "time"},
    "steps": {"zh": "其他环节", "en": "other steps"},
}
HEADINGS: Mapping[str, words.Words] = {
    "number": {"zh": "办件编号", "en": "case"},
    "bundle": {"zh": "一件事", "en": "one thing"},
    "state": {"zh": "状态", "en": "state"},
    "steps": {"zh": "环节", "en": "steps"},
    "waits": {"zh": "等待谁、至何时", "en": "waits for, until"},
}
_LEGEND = (
    StepState.COMPLETED, StepState.ACCEPTED, StepState.DISPATCHED, StepState.WAITING,
    StepState.SUPPLEMENT_NEEDED, StepState.SUSPENDED, StepState.HELD, StepState.REJECTED,
)  # fmt: skip

_UNBROKEN = "\u00a0"


def draw(views: Sequence[View], footer: Sequence[str], *, language: Language, rows: int) -> RenderableType:
    """The newest `rows` cases and the footer; fits 80 columns. `views`: oldest first."""
    table = Table(box=None, expand=True, padding=(0, 1, 0, 0), header_style="bold")
    widths = {"number": 20, "bundle": 13, "state": 16, "steps": 8}
    for column, heading in HEADINGS.items():
        table.add_column(heading[language], width=widths.get(column), no_wrap=True, overflow="ellipsis")
    for view in list(reversed(views))[:rows]:
        state = str(view["state"])
        table.add_row(
            Text(str(view["number"]), style=LIGHTS.get(view["light"], "")),
            str(view["bundle"]["names"][language]),
            Text(words.CASE_STATES[CaseState(state)][language], style=STYLES.get(state, "")),
            _signs(view),
            waiting_words(view, language),
        )
    entries = [f"{words.SIGNS[state]} {words.STEP_STATES[state][language]}" for state in _LEGEND]
    legend = Text("  ".join(entry.replace(" ", _UNBROKEN) for entry in entries), style="dim")
    return Group(table, Text(), legend, *(Text(line, overflow="fold") for line in footer))


def line_of(view: View, language: Language) -> str:
    """One case in one line of plain text, for where there is no terminal."""
    state = words.CASE_STATES[CaseState(view["state"])][language]
    name = view["bundle"]["names"][language]
    waits = waiting_words(view, language)
    return f"{view['number']}  {name}: {state}  {_signs(view).plain}  {waits}".rstrip()


def waiting_words(view: View, language: Language) -> str:
    """Who is waited for, and until when if that is known; empty for a closed case."""
    if view["state"] in FINAL:
        return ""
    waiting = [step for step in view["steps"] if "waiting" in step]
    if not waiting:
        return ""
    step = min(waiting, key=lambda step: PRESSING.index(step["waiting"]["waits_for"]))
    whom = step["waiting"]["waits_for"]
    name = step["department"]["code"] if whom == "department" else WAITED_FOR[whom][language]
    until = step["waiting"].get("until") if whom != "department" else None
    return f"{name} {_day(until)}" if until else name


def _signs(view: View) -> Text:
    """One sign for each step that applies."""
    signs = Text()
    for step in view["steps"]:
        if step["state"] != "skipped":
            signs.append(words.SIGNS[StepState(step["state"])], style=STYLES.get(step["state"], "dim"))
    return signs


def _day(moment: str) -> str:
    return f"{datetime.fromisoformat(moment) + ZONE:%m-%d}"
