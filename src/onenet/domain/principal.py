"""Principal: who asks, whatever showed it: an API key, an access token, a session of the console."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from onenet.domain.states import Word


class Role(Word):
    """What somebody is to the service. Source: security.md section 4.

    frontend: a system of the city that acts for applicants. citizen: an applicant. agent: a person who acts
    for an enterprise. clerk: at the counter, for who stands before it. officer: a person of a department;
    department: its system. supervisor: of jurisdictions. administrator: configures, and reads no case.
    auditor: sees who did what.
    """

    FRONTEND = "frontend"
    CITIZEN = "citizen"
    AGENT = "agent"
    CLERK = "clerk"
    OFFICER = "officer"
    DEPARTMENT = "department"
    SUPERVISOR = "supervisor"
    ADMINISTRATOR = "administrator"
    AUDITOR = "auditor"


PERMISSIONS: Mapping[Role, frozenset[str]] = {
    Role.FRONTEND: frozenset({"catalogue:read", "cases:read", "cases:write"}),
    Role.CITIZEN: frozenset(),
    Role.AGENT: frozenset(),
    Role.CLERK: frozenset(),
    Role.OFFICER: frozenset(),
    Role.DEPARTMENT: frozenset({"catalogue:read", "cases:read"}),
    Role.SUPERVISOR: frozenset(),
    Role.ADMINISTRATOR: frozenset(
        {
            "catalogue:read",
            "cases:read",
            "steps:decide",
            "attempts:read",
            "deliveries:read",
            "endpoints:read",
            "endpoints:write",
        }
    ),
    Role.AUDITOR: frozenset(),
}
"""What each role may ask for at all, unless less was given. What is not here is denied."""

EVERY_PERMISSION = frozenset[str]().union(*PERMISSIONS.values())


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    `client`: whose world the subject is named in: the code of a front-end, of an issuer of tokens, of a
    department, of an administrator's key. `subject`: an opaque name of a person in that world; None for a
    system that acts for nobody. `department`: of an officer or a department's system. `jurisdictions`: codes
    it is confined to, with all below them; empty: everywhere.
    """

    role: Role
    client: str
    permissions: frozenset[str]
    subject: str | None = None
    department: str | None = None
    jurisdictions: frozenset[str] = frozenset()

    @property
    def id(self) -> str:
        """Its name in records and as the owner of Idempotency-Keys; outlives a change of keys and tokens."""
        return f"{self.role}:{self.client}" + (f"/{self.subject}" if self.subject else "")

    def acting_for(self, subject: str) -> Principal:
        """The same, acting for this subject."""
        return replace(self, subject=subject)
