"""CloudEvents 1.0 in JSON: an envelope that many systems read. Source: CloudEvents 1.0.2, JSON format."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AwareDatetime, ConfigDict, StringConstraints

from onenet.adapters.answers import Shape, Text
from onenet.errors import MisconfiguredError

MEDIA_TYPE = "application/cloudevents+json"
SOURCE = "/onenet"
FORMAT = "cloudevents"
"""The value of the option `format` of an endpoint that wants them."""


def is_wanted(options: Mapping[str, Any]) -> bool:
    """Whether an endpoint with these options is spoken to in CloudEvents."""
    return options.get("format") == FORMAT


def check_options(options: Mapping[str, Any]) -> None:
    """Passes when there is no option, or this one. Raises: MisconfiguredError."""
    if options and dict(options) != {"format": FORMAT}:
        raise MisconfiguredError(f"expected no option, or format: {FORMAT}")


def event(
    *, id: str, type: str, time: str, data: Mapping[str, Any], subject: str, source: str = SOURCE
) -> dict[str, Any]:
    """A CloudEvent; `time` and `data` as they stand in a message of ours, `subject`: the case, or
    the opinion that is asked.
    """
    return {
        "specversion": "1.0",
        "id": id,
        "source": source,
        "type": type,
        "subject": subject,
        "time": time,
        "datacontenttype": "application/json",
        "data": data,
    }


class Envelope(Shape):
    """What others put around their data. Their extensions are not ours to judge, and are left unread."""

    model_config = ConfigDict(extra="ignore")

    specversion: Literal["1.0"]
    id: Text
    source: Text
    subject: Text | None = None
    time: AwareDatetime | None = None
    datacontenttype: Annotated[str, StringConstraints(pattern="^application/json *(;.*)?$")] | None = None
