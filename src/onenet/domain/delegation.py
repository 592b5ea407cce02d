"""Delegation: what one person was given by another to do in their place (代理, 委托)."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple
from uuid import UUID


class Owner(NamedTuple):
    """Whose a case is: a subject, and the world that it is named in."""

    client: str
    subject: str

    def __str__(self) -> str:
        """As it stands in the record."""
        return f"{self.client}/{self.subject}"


class Delegation(NamedTuple):
    """Lets the delegate act for the owner: in one case, or in all cases of some bundles.

    `proof`: where the paper lies that says so. It holds from `begins_at` on, before `ends_at`, until the
    owner takes it back.
    """

    id: UUID
    owner: Owner
    delegate: Owner
    begins_at: datetime
    ends_at: datetime
    bundles: frozenset[str] = frozenset()
    case_id: UUID | None = None
    proof: str | None = None
    created_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_live(self, now: datetime) -> bool:
        """Whether it holds at this moment."""
        return self.begins_at <= now < self.ends_at and (self.revoked_at is None or now < self.revoked_at)
