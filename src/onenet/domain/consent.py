"""Consent: what a person lets be used again, for which purpose, where, and until when (同意)."""

from __future__ import annotations

from collections.abc import Set
from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from onenet.domain.delegation import Owner


class Consent(NamedTuple):
    """Lets a document of an earlier case go into a new case of one bundle, to these departments.

    It holds from when it was given, before `ends_at`, until the owner takes it back; what was used by then
    stays used. Source: PIPL articles 14 (for a stated purpose), 15 (taken back at any time), 23 (to whom).
    """

    id: UUID
    owner: Owner
    document_id: UUID
    bundle: str
    departments: frozenset[str]
    purpose: str
    given_at: datetime
    ends_at: datetime
    revoked_at: datetime | None = None

    def lets(self, document_id: UUID, bundle: str, departments: Set[str], now: datetime) -> bool:
        """Whether this document may go to these departments in a case of this bundle, now."""
        is_live = self.revoked_at is None and self.given_at <= now < self.ends_at
        is_meant = (self.document_id, self.bundle) == (document_id, bundle)
        return is_live and is_meant and departments <= self.departments
