"""Issuers: which servers' tokens are believed, and what their tokens may make of somebody.

Read as a part of the settings: `[[issuers]]` in the TOML file, or a JSON array in `ONENET_ISSUERS`. What an
issuer may not give is written here and not asked of its tokens: one for citizens can never make an officer.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator, model_validator

Algorithm = Literal["RS256", "PS256", "ES256", "EdDSA", "Ed25519"]
"""Signatures with a public key, and nothing else. `Ed25519` is what RFC 9864 calls the one curve of `EdDSA`
that is taken here."""

RoleName = Literal[
    "citizen", "agent", "clerk", "officer", "department", "supervisor", "administrator", "auditor"
]
"""The roles of `domain.principal` that a token can give: all but `frontend`, which has a key of its own."""

OF_DEPARTMENT: frozenset[str] = frozenset({"officer", "department"})
"""Roles that nobody has without a department."""

CODE = r"^[a-z0-9][a-z0-9_-]{0,63}$"
"""Without ":" and "/", which join it to a role and a subject: no two principals have the same id."""


class Login(BaseModel):
    """How people log in to the console through this issuer: what it registered for it.

    Without a secret the client is a public one, which PKCE protects.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    client_id: str = Field(min_length=1, max_length=255)
    client_secret: SecretStr | None = None
    client_secret_file: Path | None = None
    scopes: str = Field(default="openid", pattern=r"^[!-~ ]+$")

    @model_validator(mode="after")
    def _one_secret(self) -> Self:
        if self.client_secret is not None and self.client_secret_file is not None:
            raise ValueError("expected client_secret or client_secret_file, not both")
        return self

    def secret(self) -> str | None:
        """The client's secret, read when it is needed. Raises: OSError."""
        if self.client_secret_file is not None:
            return self.client_secret_file.read_text(encoding="utf-8").strip()
        return self.client_secret.get_secret_value() if self.client_secret is not None else None


class Issuer(BaseModel):
    """A server that issues tokens.

    `code`: the world in which its subjects are named. `url`: what stands in `iss`, letter by letter.
    `jwks_uri`: where its keys are; without it the issuer's metadata say so. `roles`: what its tokens may make
    of somebody. `role_claim`: the claim that says which; without it everybody has the one role.
    `role_names`: what the issuer's words for roles mean, where they are not ours. `department` or
    `department_claim`: of officers and departments. `jurisdictions_claim`: the codes that everybody it names
    is confined to.
    `bound`: its access tokens must be bound to a key of whoever shows them (RFC 9449).
    `decision_acr`, `decision_max_age_s`: how and how lately somebody must have been authenticated to decide.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    code: str = Field(pattern=CODE)
    url: str = Field(max_length=255)
    audience: str = Field(min_length=1, max_length=255)
    algorithms: tuple[Algorithm, ...] = Field(default=("RS256",), min_length=1)
    jwks_uri: str | None = None
    roles: tuple[RoleName, ...] = Field(min_length=1)
    role_claim: str | None = None
    role_names: dict[str, RoleName] = Field(default_factory=dict)
    department: str | None = Field(default=None, pattern=CODE)
    department_claim: str | None = None
    jurisdictions_claim: str | None = None
    bound: bool = False
    decision_acr: tuple[str, ...] = ()
    decision_max_age_s: int | None = Field(default=None, ge=60)
    login: Login | None = None

    @field_validator("url", "jwks_uri")
    @classmethod
    def _is_safe(cls, value: str | None) -> str | None:
        if value is not None and not is_safe(value):
            raise ValueError(
                "expected https:// with a host and without ?, # or a name; http:// on the loopback only"
            )
        return value

    @model_validator(mode="after")
    def _roles_fit(self) -> Self:
        if self.role_claim is None and len(self.roles) > 1:
            raise ValueError("expected role_claim, as there is more than one role")
        if self.role_claim is None and self.role_names:
            raise ValueError("role_names needs role_claim")
        if foreign := sorted(set(self.role_names.values()) - set(self.roles)):
            raise ValueError(f"role_names gives roles that are not in roles: {', '.join(foreign)}")
        return self

    @model_validator(mode="after")
    def _departments_fit(self) -> Self:
        if self.department is not None and self.department_claim is not None:
            raise ValueError("expected department or department_claim, not both")
        needing = OF_DEPARTMENT.intersection(self.roles)
        if needing and self.department is None and self.department_claim is None:
            raise ValueError(f"expected department or department_claim for {', '.join(sorted(needing))}")
        return self


def is_safe(url: str) -> bool:
    """Whether what is fetched from there is what the server said: over TLS, or on this very machine."""
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or parts.username is not None or parts.query or parts.fragment or "#" in url or "?" in url:
        return False
    if not re.fullmatch(r"[!-~]+", url):
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host))


def is_loopback(host: str) -> bool:
    """Whether the host is this machine."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def told_apart(issuers: Sequence[Issuer]) -> None:
    """Passes when no two issuers have a code or a URL in common. Raises: ValueError."""
    for name in ("code", "url"):
        values = [getattr(issuer, name) for issuer in issuers]
        if twice := next((value for value in values if values.count(value) > 1), None):
            raise ValueError(f"two issuers have the {name} {twice}")
