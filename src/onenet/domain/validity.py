"""Validity: until which local day a material that was handed in may be used again. Pure."""

from __future__ import annotations

from datetime import date, datetime, timedelta

from onenet.domain.calendar import local_day


def valid_until(handed_in_at: datetime, valid_days: int, utc_offset_minutes: int) -> date:
    """The last day on which it may be used: the day on which it was handed in is not counted."""
    return local_day(handed_in_at, utc_offset_minutes) + timedelta(days=valid_days)
