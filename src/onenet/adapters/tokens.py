"""Tokens: what must be true of an access token (RFC 9068) and of an ID token before anybody is believed to be
who it says. Pure: a token that was read, an issuer and the time in, claims out.

Source: security.md section 2.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from onenet.adapters import jose
from onenet.adapters.jose import Refused, Unverified
from onenet.domain.principal import Role
from onenet.issuers import CODE, OF_DEPARTMENT, Issuer

LEEWAY_S = 30
"""How far the issuer's clock may be from ours."""

MAX_LIFE = timedelta(hours=24)
"""Of an access token: what was revoked must be remembered for as long, and not for ever."""

_TYPES = frozenset({"at+jwt", "application/at+jwt"})
_SUBJECT = re.compile("[!-~]{1,128}")
_CODE = re.compile(CODE)


@dataclass(frozen=True, slots=True)
class Claims:
    """What an issuer says of somebody, believed. `acr` and `authenticated_at`: how and when it was shown.

    `bound_to`: the thumbprint of the key that whoever shows the token must prove to have; None: nobody must.
    """

    issuer: str
    subject: str
    role: Role
    department: str | None
    jurisdictions: frozenset[str]
    token_id: str | None
    issued_at: datetime
    expires_at: datetime
    acr: str | None
    authenticated_at: datetime | None
    bound_to: str | None = None


def issuer_of(token: Unverified, issuers: Mapping[str, Issuer]) -> Issuer:
    """Whose token it claims to be. Raises: Refused; an array of issuers is none."""
    url = token.claims.get("iss")
    found = issuers.get(url) if isinstance(url, str) else None
    if found is None:
        raise Refused("issuer")
    return found


def signed_with(token: Unverified, issuer: Issuer, *, is_access: bool) -> tuple[str, str | None]:
    """Algorithm and `kid` that its signature is to be checked with. Raises: Refused.

    `jku`, `x5u` and `jwk` are not looked at: a key comes from the issuer, never from a token. An ID token,
    which comes from the issuer itself, may leave `kid` out (OpenID Connect Core section 10.1).
    """
    kind = token.header.get("typ")
    is_typed = isinstance(kind, str) and kind.lower() in _TYPES
    if is_typed is not is_access:
        raise Refused("type")
    algorithm, kid = token.header.get("alg"), token.header.get("kid")
    if not isinstance(algorithm, str) or algorithm not in issuer.algorithms:
        raise Refused("algorithm")
    if kid is None and not is_access:
        return algorithm, None
    if not isinstance(kid, str) or not kid:
        raise Refused("key_unnamed")
    return algorithm, kid


def of_access_token(token: Unverified, issuer: Issuer, now: datetime) -> Claims:
    """The claims of an access token whose signature is right. Raises: Refused."""
    _check_audience(token.claims, issuer.audience)
    for name in ("jti", "client_id"):
        _text(token.claims, name)
    issued_s, expires_s = _life(token.claims, now)
    if expires_s - issued_s > MAX_LIFE.total_seconds():
        raise Refused("lives_too_long")
    bound_to = _bound_to(token.claims)
    if issuer.bound and bound_to is None:
        raise Refused("not_bound")
    return replace(_claims(token.claims, issuer), bound_to=bound_to)


def _bound_to(claims: Mapping[str, Any]) -> str | None:
    """The thumbprint in `cnf`. Raises: Refused for a binding that we could not check, as to a certificate."""
    if "cnf" not in claims:
        return None
    match claims["cnf"]:
        case {"jkt": str(thumbprint), **others} if not others:
            return thumbprint
        case _:
            raise Refused("binding")


def of_id_token(token: Unverified, issuer: Issuer, now: datetime, *, nonce: str) -> Claims:
    """The claims of the ID token that ends a log-in. Raises: Refused. Source: OpenID Connect Core 3.1.3.7."""
    client = issuer.login.client_id if issuer.login else ""
    _check_audience(token.claims, client)
    party = token.claims.get("azp")
    if party != client and (party is not None or token.claims["aud"] not in (client, [client])):
        raise Refused("audience")
    if token.claims.get("nonce") != nonce:
        raise Refused("nonce")
    _life(token.claims, now)
    return _claims(token.claims, issuer)


def _check_audience(claims: Mapping[str, Any], ours: str) -> None:
    """Passes when the token is for us, perhaps among others. Raises: Refused."""
    given = claims.get("aud")
    named = given if isinstance(given, list) else [given]
    if not all(isinstance(each, str) for each in named) or ours not in named:
        raise Refused("audience")


def _life(claims: Mapping[str, Any], now: datetime) -> tuple[float, float]:
    """When it was issued and when it ends, in seconds; it is alive now. Raises: Refused."""
    issued_s, expires_s, now_s = jose.number(claims, "iat"), jose.number(claims, "exp"), now.timestamp()
    if expires_s <= now_s - LEEWAY_S:
        raise Refused("expired")
    if issued_s > now_s + LEEWAY_S:
        raise Refused("issued_in_future")
    if "nbf" in claims and jose.number(claims, "nbf") > now_s + LEEWAY_S:
        raise Refused("not_yet_valid")
    return issued_s, expires_s


def _claims(claims: Mapping[str, Any], issuer: Issuer) -> Claims:
    subject, role = _text(claims, "sub"), _role(claims, issuer)
    if not _SUBJECT.fullmatch(subject):
        raise Refused("subject")
    acr = claims.get("acr")
    return Claims(
        issuer=issuer.code,
        subject=subject,
        role=role,
        department=_department(claims, issuer, role),
        jurisdictions=_jurisdictions(claims, issuer),
        token_id=claims.get("jti"),
        issued_at=_moment(claims, "iat"),
        expires_at=_moment(claims, "exp"),
        acr=acr if isinstance(acr, str) else None,
        authenticated_at=_moment(claims, "auth_time") if "auth_time" in claims else None,
    )


def _role(claims: Mapping[str, Any], issuer: Issuer) -> Role:
    """What the issuer makes of it: words that mean no role to us count for nothing. Raises: Refused."""
    if issuer.role_claim is None:
        return Role(str(issuer.roles[0]))
    given = claims.get(issuer.role_claim)
    words = [given] if isinstance(given, str) else given
    if not isinstance(words, list) or not all(isinstance(word, str) for word in words):
        raise Refused("role_missing")
    names: Mapping[str, str] = issuer.role_names or {role: role for role in Role}
    ours = {names[word] for word in words if word in names}
    if not ours <= set(issuer.roles):
        raise Refused("role_not_allowed")
    if len(ours) != 1:
        raise Refused("role_ambiguous" if ours else "role_missing")
    return Role(ours.pop())


def _department(claims: Mapping[str, Any], issuer: Issuer, role: Role) -> str | None:
    if role not in OF_DEPARTMENT:
        return None
    if issuer.department_claim is None:
        return issuer.department
    code = claims.get(issuer.department_claim)
    if not isinstance(code, str) or not _CODE.fullmatch(code):
        raise Refused("department")
    return code


def _jurisdictions(claims: Mapping[str, Any], issuer: Issuer) -> frozenset[str]:
    """Where it may act. Raises: Refused when the claim is not there: none would mean everywhere."""
    if issuer.jurisdictions_claim is None:
        return frozenset()
    given = claims.get(issuer.jurisdictions_claim)
    codes = [given] if isinstance(given, str) else given
    if not isinstance(codes, list) or not 0 < len(codes) <= 100:
        raise Refused("jurisdictions")
    if not all(isinstance(code, str) and _CODE.fullmatch(code) for code in codes):
        raise Refused("jurisdictions")
    return frozenset(codes)


def _text(claims: Mapping[str, Any], name: str) -> str:
    value = claims.get(name)
    if not isinstance(value, str) or not value:
        raise Refused(f"{name}_missing")
    return value


def _moment(claims: Mapping[str, Any], name: str) -> datetime:
    return datetime.fromtimestamp(jose.number(claims, name), UTC)
