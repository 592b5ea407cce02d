"""Case numbers: a template for each organisation, an atomic counter for each template and day.

A template is a format string over `area_code`, `date` and `serial`, such as
`{area_code}{date:%Y%m%d}{serial:06d}`. A serial that no longer fits its width is an error that is told,
never a silent wrap (domain.md 3.4).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy.ext.asyncio import AsyncConnection

from onenet.errors import NumbersExhausted
from onenet.store import numbers

_SERIAL_WIDTH = re.compile(r"\{serial:0?(\d+)d?\}")


@dataclass(frozen=True, slots=True)
class NumberTemplate:
    """How an organisation numbers its cases. `organisation` is the jurisdiction that owns the template."""

    organisation: str
    text: str
    area_code: str
    utc_offset_minutes: int = 480

    @property
    def scope(self) -> str:
        """What the serial numbers are counted for."""
        return f"{self.organisation}/{self.area_code}"

    def day(self, at: datetime) -> datetime:
        """The local day of a moment."""
        return at + timedelta(minutes=self.utc_offset_minutes)


def fill(template: NumberTemplate, at: datetime, serial: int) -> str:
    """The case number. Raises: NumbersExhausted when the serial has more digits than the template."""
    width = _SERIAL_WIDTH.search(template.text)
    if width and serial >= 10 ** int(width.group(1)):
        raise NumbersExhausted(f"{template.organisation}: serial {serial} needs more digits")
    return template.text.format(area_code=template.area_code, date=template.day(at), serial=serial)


async def reserve(
    connection: AsyncConnection, templates: Iterable[NumberTemplate], at: datetime
) -> dict[NumberTemplate, Iterator[int]]:
    """Serial numbers, one for each mention of a template, taken in the caller's transaction.

    The counters are locked in one order, so that two processes never wait for one another.
    """
    reserved: dict[NumberTemplate, Iterator[int]] = {}
    for template, count in sorted(Counter(templates).items(), key=lambda wanted: wanted[0].scope):
        day = template.day(at).date().isoformat()
        first = await numbers.take(connection, template.scope, day, count)
        reserved[template] = iter(range(first, first + count))
    return reserved
