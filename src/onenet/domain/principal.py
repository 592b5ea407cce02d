"""Principal: who asks, whatever showed it: an API key, an access token, a session of the console."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from onenet.domain.delegation import Owner
from onenet.domain.states import Word


class Role(Word):
    """What somebody is to the service. Source: security.md section 4.

    frontend: a system of the city that acts for applicants. citizen: an applicant. agent: a person who acts
    for an enterprise, by its delegation. clerk: at the counter, for who stands before it. officer: a person
    of a department; department: its system. supervisor: of jurisdictions. administrator: configures, and
    reads no case. auditor: sees who did what.
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


_APPLICANT = frozenset({"catalogue:read", "cases:read", "content:read", "cases:write"})
_RATING = frozenset({"ratings:write"})
"""Not a clerk's: nobody is steered to a rating by whoever is rated (domain.md section 10)."""
_OWNER = (
    _APPLICANT
    | _RATING
    | {"delegations:read", "delegations:write", "consents:read", "consents:write"}
    | {"access-log:read", "own-data:export"}
)
_EMERGENCY = frozenset({"break-glass:ask", "break-glass:read"})

_ASKED = frozenset({"opinions:read", "opinions:write"})
"""Asking another department for its opinion, and giving one."""

OF_THE_HOTLINE = frozenset({"tickets:file", "tickets:dispatch", "tickets:read"})
"""What the hotline's system may do: a front-end whose key names it. No other front-end gets it by itself."""

_UNIT = frozenset({"tickets:read", "tickets:answer"})
"""What a department may do as a unit that hotline tickets are given to."""

_SUPERVISED = frozenset({"supervision:read", "urgings:answer"})
"""What a department may do that supervision looks at."""
_DELIVERS = frozenset({"results:deliver"})

PERMISSIONS: Mapping[Role, frozenset[str]] = {
    Role.FRONTEND: _OWNER | OF_THE_HOTLINE,
    Role.CITIZEN: _OWNER,
    Role.AGENT: _APPLICANT | _RATING | {"delegations:read"},
    Role.CLERK: _APPLICANT | {"content:reveal", "applicants:find"},
    Role.DEPARTMENT: frozenset({"catalogue:read", "cases:read", "content:read", "tasks:fetch"})
    | {"ratings:read"}
    | _DELIVERS
    | _UNIT
    | _SUPERVISED
    | _ASKED,
    Role.OFFICER: frozenset({"catalogue:read", "cases:read", "content:read", "steps:decide", "attempts:read"})
    | {"ratings:read", "ratings:handle"}
    | _DELIVERS
    | _UNIT
    | _SUPERVISED
    | _ASKED
    | _EMERGENCY,
    Role.SUPERVISOR: frozenset(
        {"catalogue:read", "cases:read", "cases:extend", "steps:decide", "attempts:read", "deliveries:read"}
    )
    | _EMERGENCY
    | {"break-glass:approve", "applicants:find", "supervision:read", "steps:urge"}
    | {"ratings:read", "ratings:handle", "tickets:read"},
    Role.ADMINISTRATOR: frozenset({"catalogue:read", "deliveries:read", "endpoints:read", "endpoints:write"})
    | _EMERGENCY
    | {"break-glass:approve", "metrics:read"},
    Role.AUDITOR: frozenset(
        {"catalogue:read", "cases:read", "attempts:read", "deliveries:read", "endpoints:read"}
    )
    | {"break-glass:audit", "supervision:read", "ratings:read", "tickets:read"},
}
"""What each role may ask for at all, unless less was given. What is not here is denied."""


def usual(role: Role) -> frozenset[str]:
    """What a key of that role has where nothing is said: a front-end is the hotline only where it is said."""
    return PERMISSIONS[role] - (OF_THE_HOTLINE if role is Role.FRONTEND else frozenset())


EVERY_PERMISSION = frozenset[str]().union(*PERMISSIONS.values())

LONGEST_ACTOR = 255
"""Characters that the record has room for."""

FOR_APPLICANT = " for the applicant"
"""Who the applicant is stands sealed in the case: a record that stays for ever names accounts alone."""

_ACTING = frozenset({Role.FRONTEND, Role.CITIZEN, Role.AGENT, Role.CLERK})

BY_SUBJECT = frozenset({Role.FRONTEND, Role.CLERK})
"""Roles that say with each request for whom they act."""


@dataclass(frozen=True, slots=True)
class Strength:
    """How a person showed who it is (`acr`, in the issuer's words) and when. Source: RFC 9068 2.2.1."""

    acr: str | None
    authenticated_at: datetime | None


@dataclass(frozen=True, slots=True)
class Principal:
    """Who asks.

    `client`: whose world the subject is named in: the code of a front-end, of an issuer of tokens, of a
    department, of an administrator's key. `subject`: an opaque name of a person in that world; None for a
    system that acts for nobody. `department`: of an officer or a department's system. `jurisdictions`: codes
    it is confined to, with all below them; empty: everywhere. `visitor`: for whom a clerk acts, a name in
    the clerk's own world. `strength`: of a person that an issuer vouches for.
    """

    role: Role
    client: str
    permissions: frozenset[str]
    subject: str | None = None
    department: str | None = None
    jurisdictions: frozenset[str] = frozenset()
    visitor: str | None = None
    strength: Strength | None = None

    @property
    def id(self) -> str:
        """Its name in records and as the owner of Idempotency-Keys; outlives a change of keys and tokens."""
        return f"{self.role}:{self.client}" + (f"/{self.subject}" if self.subject else "")

    def name_for(self, owner: Owner, *, by_agent: bool = False) -> str:
        """Its name in the record of this owner's case: both, where one acts for another (ASVS 8.3.3).

        `by_agent`: the account is that of the agent whom the application names beside its applicant.
        """
        acts_for = self.role in _ACTING and owner != (self.client, self.subject)
        if acts_for:
            return f"{self.id} for {owner}"
        return f"{self.id}{FOR_APPLICANT}" if by_agent else self.id

    def acting_for(self, subject: str) -> Principal:
        """The same, acting for this subject; whoever acts for nobody but itself stays as it is."""
        match self.role:
            case Role.FRONTEND:
                return replace(self, subject=subject)
            case Role.CLERK:
                return replace(self, visitor=subject)
            case _:
                return self


def is_name_for(actor: str, owner: Owner) -> bool:
    """Whether that is how `name_for` writes somebody who opens a case of this owner."""
    name = actor.partition(":")[2].removesuffix(FOR_APPLICANT)
    return name == str(owner) or name.endswith(f" for {owner}")
