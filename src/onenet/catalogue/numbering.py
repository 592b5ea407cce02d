"""Rules about case numbers: every jurisdiction has a template, and it makes numbers that do not collide."""

from __future__ import annotations

import re
from collections.abc import Iterator
from string import Formatter

from onenet.catalogue.findings import Findings, error
from onenet.catalogue.load import Catalogue

MAX_NUMBER_LENGTH = 50
PLACEHOLDERS = ("area_code", "date", "serial")

_DATE_FORMAT = re.compile("(%[Yymdj]|[-./])+")
_SERIAL_FORMAT = re.compile("0[1-9]d")
# What a number needs to tell two days apart.
_WHOLE_DAYS = ({"%Y", "%m", "%d"}, {"%y", "%m", "%d"}, {"%Y", "%j"}, {"%y", "%j"})


def templates_are_sound(catalogue: Catalogue) -> Findings:
    """A template holds a date down to the day and a serial number, and nothing unknown."""
    for entry in catalogue.jurisdictions:
        if entry.shape.case_number is not None:
            for fault in _faults(entry.shape.case_number):
                yield error(entry.at("case_number"), "bad_case_number", fault)


def every_jurisdiction_has_a_template(catalogue: Catalogue) -> Findings:
    """A root has one; below it each has its own or its parent's."""
    for entry in catalogue.jurisdictions:
        if entry.shape.parent is None and entry.shape.case_number is None:
            what = f"{entry.code} has no parent to take case_number from; expected a template of its own"
            yield error(entry.at(), "no_case_number", what)


def inherited_templates_tell_places_apart(catalogue: Catalogue) -> Findings:
    """Places with one template count their cases separately: only the area code tells their numbers apart."""
    heirs = {e.shape.parent: e.code for e in catalogue.jurisdictions if e.shape.case_number is None}
    for entry in catalogue.jurisdictions:
        template = entry.shape.case_number
        if template is not None and "{area_code}" not in template and entry.code in heirs:
            what = f"{heirs[entry.code]} takes over this template; expected {{area_code}} in it"
            yield error(entry.at("case_number"), "bad_case_number", what)


def _faults(template: str) -> Iterator[str]:
    expected = "expected such as {area_code}{date:%Y%m%d}{serial:06d}"
    try:
        parts = list(Formatter().parse(template))
    except ValueError:
        yield f"this is not a template; {expected}"
        return
    names = [name for _, name, _, _ in parts if name is not None]
    for _, name, form, conversion in parts:
        if name is not None and (name not in PLACEHOLDERS or conversion):
            yield f"unknown placeholder {{{name}}}; known are: {', '.join(PLACEHOLDERS)}"
        elif name == "area_code" and form:
            yield "area_code takes no format"
        elif name == "date" and not _names_a_day(form or ""):
            yield f"the date must name year, month and day; {expected}"
        elif name == "serial" and not _SERIAL_FORMAT.fullmatch(form or ""):
            yield f"the serial needs a fixed number of digits, 1 to 9; {expected}"
    for name in ("date", "serial"):
        if names.count(name) != 1:
            yield f"a template holds {{{name}}} once; {expected}"
    if len("".join(text for text, *_ in parts)) > MAX_NUMBER_LENGTH // 2:
        yield f"a case number has at most {MAX_NUMBER_LENGTH} characters"


def _names_a_day(form: str) -> bool:
    parts = set(re.findall("%[Yymdj]", form))
    return bool(_DATE_FORMAT.fullmatch(form)) and any(day <= parts for day in _WHOLE_DAYS)
