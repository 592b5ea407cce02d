"""What the adapter `open311` is told of a GeoReport v2 server: services, fields, words, ways; and its check.

It comes as YAML, or as JSON by HTTP, is checked as it is registered, and is kept as the endpoint's options.
"""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Literal

from pydantic import Field, ValidationError

from onenet.adapters import description, template
from onenet.adapters.answers import Id, Shape, Text
from onenet.adapters.description import SHEET
from onenet.adapters.description_parts import Meaning
from onenet.adapters.template import Fault, Where
from onenet.errors import MisconfiguredError

FIELDS = (
    *("lat", "long", "address_string", "address_id", "description", "media_url"),
    *("first_name", "last_name", "email", "phone", "account_id", "device_id"),
)
"""The arguments of the standard that a request may have, besides those that the adapter adds itself."""

LOCATIONS = (("lat", "long"), ("address_string",), ("address_id",))
"""Each of these says where it is; the standard wants one."""

_NOTES = "${/status_notes?}"
STATUSES: Mapping[str, Meaning] = {
    "open": {"outcome": "received"},
    "for_triage": {"outcome": "received"},
    "internal_referral": {"outcome": "received"},
    "investigating": {"outcome": "accepted", "opinion": _NOTES},
    "in_progress": {"outcome": "accepted", "opinion": _NOTES},
    "planned": {"outcome": "accepted", "opinion": _NOTES},
    "action_scheduled": {"outcome": "accepted", "opinion": _NOTES},
    "closed": {"outcome": "completed", "opinion": _NOTES},
    "fixed": {"outcome": "completed", "opinion": _NOTES},
    "not_councils_responsibility": {
        "outcome": "rejected",
        "reason_code": "not_competent",
        "reason": "${/status_notes}",
    },
    "no_further_action": {
        "outcome": "unclear",
        "reason": "closed without action: whether the applicant got what was asked for is not said",
    },
    "duplicate": {"outcome": "unclear", "reason": "closed as the duplicate of another request"},
}
"""What the words of the standard, and those that servers have beside them, mean unless the options say other.

Two of them close a request without saying how it ends for the applicant: a person must.
"""


class ServicePart(Shape):
    """A service of theirs: its code, and its attributes over the task."""

    code: Id
    attributes: dict[Text, Any] = Field(default={})


class Options(Shape):
    """A GeoReport v2 server, as far as the standard leaves it open. `services`: by our items."""

    format: Literal["xml", "json"] = "xml"
    jurisdiction_id: Text | None = None
    services: Annotated[dict[Text, ServicePart], Field(min_length=1)]
    fields: dict[str, Any]
    statuses: dict[str, Meaning] = Field(default={})
    follow: Literal["request", "notes", "updates"] = "request"
    again: Literal["look", "key", "mark"] = "look"
    poll_after_s: Annotated[int, Field(ge=1, le=86_400)] = 600
    key_when_reading: bool = False


def read(options: Mapping[str, Any]) -> Options:
    """The options that an endpoint keeps. Raises: MisconfiguredError with the first fault."""
    return _read(json.dumps(dict(options)))


@functools.lru_cache(256)
def _read(text: str) -> Options:
    value = json.loads(text)
    for fault in faults(value):
        where = "".join(f"/{step}" for step in fault.where)
        raise MisconfiguredError(f"the description{where and f' at {where}'}: {fault.message}")
    return Options.model_validate(value)


def faults(value: Any) -> list[Fault]:
    """Everything that keeps the options from being used."""
    try:
        options = Options.model_validate(value)
    except ValidationError as error:
        return [description.shape_fault(each, _shape_at) for each in error.errors(include_url=False)]
    return [
        *_of_fields(options.fields),
        *_of_services(options.services),
        *_of_statuses(options.statuses),
    ]


def normal(word: str) -> str:
    """A status as the tables have it: `In Progress`, `IN_PROGRESS` and `in-progress` are one."""
    return re.sub(r"[\s-]+", "_", word.strip().lower())


def _shape_at(where: Where) -> type[Shape]:
    return ServicePart if where else Options


def _of_fields(fields: Mapping[str, Any]) -> Iterator[Fault]:
    where: Where = ("fields",)
    for name, value in fields.items():
        if name not in FIELDS:
            known = ", ".join(FIELDS)
            yield Fault((*where, name), f"unknown key {name}; known here are: {known}", "unknown_key")
        elif isinstance(value, list) or (isinstance(value, dict) and "$value" not in value):
            yield Fault((*where, name), "expected one text or number", "bad_value")
        else:
            yield from _of_template(value, (*where, name))
    if ("lat" in fields) != ("long" in fields):
        yield Fault(where, "expected lat and long, or neither", "bad_value")
    elif not any(set(names) <= fields.keys() for names in LOCATIONS):
        yield Fault(where, "expected a location: lat and long, address_string or address_id", "missing_key")


def _of_services(services: Mapping[str, ServicePart]) -> Iterator[Fault]:
    for item, service in services.items():
        for code, value in service.attributes.items():
            where: Where = ("services", item, "attributes", code)
            if isinstance(value, dict) and not template.is_special(value):
                yield Fault(where, "expected a text, a number, or a list of them", "bad_value")
            else:
                yield from _of_template(value, where)


def _of_template(value: Any, where: Where) -> Iterator[Fault]:
    yield from template.faults(value, where)
    for below, pointer in template.references(value):
        if pointer.split("/")[1] not in SHEET:
            known = ", ".join(sorted(SHEET))
            message = f"{pointer} leads nowhere in a task; its members are: {known}"
            yield Fault((*where, *below), message, "unknown_reference")


def _of_statuses(statuses: Mapping[str, Meaning]) -> Iterator[Fault]:
    for word, meaning in statuses.items():
        if word != normal(word):
            yield Fault(("statuses", word), "expected small letters, with _ for blanks", "bad_key")
        yield from description.meaning_faults(meaning, ("statuses", word))
