"""Templates: a JSON value with references into another one, filled by looking things up, running nothing.

${/applicant/name}            the value there, of whatever type; the pointer is RFC 6901
No. ${/case/number} of a city text with values in it
${/form/phone?}               may be missing, null or empty: then the member is left out
{$each: ${/materials}, $as: T}  a list: T for each entry, with references that begin at the entry
{$value: T, $words: {…}}      a value in other words; one that is not among them is a fault
{$value: T, $date: "%Y%m%d"}  a date in another spelling, as ISO 8601
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from typing import Any, Final, NamedTuple

Where = tuple[str | int, ...]


class Fault(NamedTuple):
    """What is wrong at a place of a description, and what was expected."""

    where: Where
    message: str
    code: str = "bad_template"


class Unfilled(Exception):
    """A reference finds nothing that fits. Says where and what was expected, never what was there."""


NOTHING: Final = object()
"""What an optional reference finds in vain."""

POINTER: Final = re.compile(r"(/([^/~]|~[01])*)+")
_REFERENCE = re.compile(r"\$\{(?P<pointer>/[^{}]*?)(?P<optional>\?)?\}")
_OPENING = "${"
_SPECIAL = "$"
_SOME_DAY = datetime(2026, 11, 25, tzinfo=UTC)


def look(source: Any, pointer: str) -> Any:
    """The value at the pointer, or NOTHING."""
    for name in _names(pointer):
        if isinstance(source, Mapping):
            source = source.get(name, NOTHING)
        elif isinstance(source, list) and re.fullmatch("[0-9]{1,4}", name) and int(name) < len(source):
            source = source[int(name)]
        else:
            return NOTHING
    return source


def as_word(value: Any) -> str | None:
    """A text, a number or a truth value as one text; None for anything else. 1 and "1" are the same word."""
    if isinstance(value, str):
        return value
    return json.dumps(value) if isinstance(value, bool | int | float) else None


def is_special(template: Any) -> bool:
    """Whether it is one of `$each` and `$value`, and no mapping of its own."""
    return isinstance(template, Mapping) and any(name.startswith(_SPECIAL) for name in template)


def literal(text: str) -> str:
    """What of a text stands there whatever the source is."""
    return _REFERENCE.sub("", text)


def fill(template: Any, source: Any) -> Any:
    """The template with the values of the source; NOTHING when it is an optional reference in vain.

    Raises: Unfilled.
    """
    match template:
        case str():
            return _fill_text(template, source)
        case {"$each": entries, "$as": each}:
            return _fill_each(entries, each, source)
        case {"$value": value}:
            return _fill_value(value, template, source)
        case dict():
            filled = {name: fill(value, source) for name, value in template.items()}
            return {name: value for name, value in filled.items() if value is not NOTHING}
        case list():
            return [value for each in template if (value := fill(each, source)) is not NOTHING]
        case _:
            return template


def fill_text(text: str, source: Any, spell: Callable[[str], str] = str) -> str:
    """The text with the values in it, each of them spelt so. Raises: Unfilled."""
    return _REFERENCE.sub(lambda found: spell(_word_at(found, source)), text)


def references(template: Any) -> Iterator[tuple[Where, str]]:
    """Where each reference into the source stands, and its pointer; those below `$as` begin elsewhere."""
    match template:
        case str():
            for found in _REFERENCE.finditer(template):
                yield (), found["pointer"]
        case dict():
            for name, value in template.items():
                if name not in ("$as", "$words", "$date"):
                    yield from (((name, *where), pointer) for where, pointer in references(value))
        case list():
            for place, value in enumerate(template):
                yield from (((place, *where), pointer) for where, pointer in references(value))
        case _:
            return


def faults(template: Any, where: Where = ()) -> Iterator[Fault]:
    """What keeps a template from being used."""
    match template:
        case str():
            yield from _text_faults(template, where)
        case dict() if is_special(template):
            yield from _special_faults(template, where)
        case dict():
            for name, value in template.items():
                yield from faults(value, (*where, name))
        case list():
            for place, value in enumerate(template):
                yield from faults(value, (*where, place))
        case _:
            return


@functools.lru_cache(4_096)
def _names(pointer: str) -> tuple[str, ...]:
    return tuple(name.replace("~1", "/").replace("~0", "~") for name in pointer.split("/")[1:])


def _fill_text(text: str, source: Any) -> Any:
    whole = _REFERENCE.fullmatch(text)
    return _value_at(whole, source) if whole else fill_text(text, source)


def _value_at(found: re.Match[str], source: Any) -> Any:
    value = look(source, found["pointer"])
    if found["optional"]:
        return NOTHING if value is None or value == "" else value
    if value is NOTHING:
        raise Unfilled(f"{found['pointer']}: a value was expected")
    return value


def _word_at(found: re.Match[str], source: Any) -> str:
    value = _value_at(found, source)
    word = "" if value is NOTHING else as_word(value)
    if word is None:
        raise Unfilled(f"{found['pointer']}: a text or a number was expected")
    return word


def _fill_each(entries: Any, each: Any, source: Any) -> list[Any]:
    """One entry that is no list counts as a list of one: XML does not tell the two apart."""
    found = fill(entries, source)
    if found is NOTHING or found is None:
        return []
    filled = [fill(each, entry) for entry in (found if isinstance(found, list) else [found])]
    return [value for value in filled if value is not NOTHING]


def _fill_value(template: Any, how: Mapping[str, Any], source: Any) -> Any:
    value = fill(template, source)
    if value is NOTHING:
        return NOTHING
    if "$words" in how:
        word = as_word(value)
        if word not in how["$words"]:
            raise Unfilled(f"{template}: expected one of {', '.join(how['$words'])}")
        return how["$words"][word]
    try:
        return datetime.strptime(str(value), how["$date"]).date().isoformat()  # noqa: DTZ007  # a day
    except ValueError:
        raise Unfilled(f"{template}: a date like {how['$date']} was expected") from None


def _text_faults(text: str, where: Where) -> Iterator[Fault]:
    found = list(_REFERENCE.finditer(text))
    if text.count(_OPENING) != len(found):
        yield Fault(where, "expected each ${ to begin a reference such as ${/case/number} or ${/form/phone?}")
    if any(not POINTER.fullmatch(each["pointer"]) for each in found):
        yield Fault(where, "expected ~ in a JSON Pointer to be written ~0, and / in a name ~1")


def _special_faults(template: Mapping[str, Any], where: Where) -> Iterator[Fault]:
    match template:
        case {"$each": str(entries), "$as": each, **rest} if not rest:
            if not _REFERENCE.fullmatch(entries):
                yield Fault((*where, "$each"), "expected one reference to a list, such as ${/materials}")
            yield from faults(each, (*where, "$as"))
        case {"$value": str(value), "$words": dict(words), **rest} if words and not rest:
            yield from faults(value, (*where, "$value"))
            yield from (
                Fault((*where, "$words", word), "expected a text, a number or a truth value")
                for word, meaning in words.items()
                if as_word(meaning) is None
            )
        case {"$value": str(value), "$date": str(spelling), **rest} if not rest:
            yield from faults(value, (*where, "$value"))
            if not _spells_a_day(spelling):
                yield Fault((*where, "$date"), 'expected a spelling with %Y, %m and %d, such as "%Y-%m-%d"')
        case _:
            yield Fault(where, "expected $each with $as, $value with $words, or $value with $date")


def _spells_a_day(spelling: str) -> bool:
    """Whether a day that is written like this can be read again."""
    try:
        read = datetime.strptime(_SOME_DAY.strftime(spelling), spelling)  # noqa: DTZ007  # a day
    except (ValueError, re.error):  # the second: a part that is there twice
        return False
    return read.date() == _SOME_DAY.date()
