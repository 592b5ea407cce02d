"""Access tokens over HTTP: the good ones come in, each hostile one is refused and the log says why.

A whole service runs in a process of its own, and believes three issuers of the tests.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from tests.api.live import Live, live
from tests.issuing import RSA_KEY, TestIssuer, b64, compact, issuing, public_jwk
from tests.outward import NO_TLS
from tests.proving import KEY, OTHER_KEY, proof, thumbprint

pytestmark = pytest.mark.xdist_group("tokens")

PATH = "/v1/bundles"
STRANGER = rsa.generate_private_key(65_537, 2_048)
EC_KEY, ED_KEY = ec.generate_private_key(ec.SECP256R1()), ed25519.Ed25519PrivateKey.generate()


@dataclass(frozen=True)
class World:
    """The service and the issuers that it believes: of staff, citizens, other signatures, systems."""

    server: Live
    staff: TestIssuer
    citizens: TestIssuer
    curves: TestIssuer
    systems: TestIssuer

    def ask(self, token: str, **further: str) -> httpx2.Response:
        """Shows the token."""
        return httpx2.get(
            self.server.url + PATH,
            headers={"Authorization": f"Bearer {token}", **further},
            trust_env=False,
            verify=NO_TLS,
        )

    def last_failure(self) -> dict[str, Any]:
        """What the log says of the last one who was not believed."""
        lines = self.server.log.read_text(encoding="utf-8").splitlines()
        told = [json.loads(line) for line in lines if '"authentication_failed"' in line]
        found: dict[str, Any] = told[-1]
        return found


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    with issuing() as staff, issuing() as citizens, issuing() as curves, issuing() as systems:
        citizens.keys = {"k1": STRANGER}
        curves.keys = {"rsa": RSA_KEY, "ec": EC_KEY, "ed": ED_KEY}
        roles = ["administrator", "officer", "supervisor"]
        configured = [
            staff.settings(
                code="staff-id", roles=roles, role_claim="roles",
                role_names={"boss": "supervisor", **{role: role for role in roles}},
                department_claim="dept", jurisdictions_claim="areas", decision_acr=["two-factor"],
            ),
            citizens.settings(code="city-id", roles=["citizen", "agent"], role_claim="roles"),
            curves.settings(code="curves-id", algorithms=["PS256", "ES256", "EdDSA"]),
            systems.settings(
                code="systems-id", roles=["department"], department_claim="dept", bound=True
            ),
        ]  # fmt: skip
        written = json.dumps([each.model_dump(exclude_none=True, mode="json") for each in configured])
        with live(tmp_path_factory.mktemp("tokens"), ONENET_ISSUERS=written) as server:
            yield World(server, staff, citizens, curves, systems)


def now() -> datetime:
    return datetime.now(UTC)


def good(world: World, *, header: dict[str, Any] | None = None, **changes: Any) -> str:
    """An administrator's token, right in every respect, with these changes."""
    claims = {"roles": ["administrator"], "areas": ["suzhou"], **changes}
    return world.staff.token(now(), header=header, **claims)


def raw(world: World, header: dict[str, Any], payload: bytes | None = None) -> str:
    """A token with exactly this header and payload, and a right signature."""
    claims = world.staff.claims(now(), roles=["administrator"], areas=["suzhou"])
    said = payload if payload is not None else json.dumps(claims).encode()
    return compact(header, said, str(header.get("alg")), RSA_KEY)


HEADER = {"typ": "at+jwt", "alg": "RS256", "kid": "k1"}


def hmac_with_public_key(world: World) -> str:
    """The classic: the public key, which everybody has, as the secret of an HMAC."""
    pem = RSA_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    signed = ".".join(good(world, header={"alg": "HS256"}).split(".")[:2])
    return f"{signed}.{b64(hmac.new(pem, signed.encode(), hashlib.sha256).digest())}"


def other_body(world: World) -> str:
    """The signature of one token under the claims of another."""
    head, _, signature = good(world).split(".")
    return f"{head}.{good(world, sub='s-root').split('.')[1]}.{signature}"


def seconds(offset: float) -> int:
    return int(now().timestamp() + offset)


def payload(**changes: Any) -> Callable[[World], str]:
    return lambda world: good(world, **changes)


def header(**changes: Any) -> Callable[[World], str]:
    return lambda world: good(world, header=changes)


def text_in_place_of(old: bytes, new: bytes) -> Callable[[World], str]:
    """A payload that is changed as text, for what no JSON writer would write."""

    def make(world: World) -> str:
        claims = world.staff.claims(now(), roles=["administrator"], areas=["suzhou"], marked=1)
        return raw(world, HEADER, json.dumps(claims).encode().replace(old, new))

    return make


HOSTILE: dict[str, tuple[str, Callable[[World], str]]] = {
    "nothing": ("malformed", lambda _: "x"),
    "two parts": ("malformed", lambda w: good(w).rpartition(".")[0]),
    "no signature": ("malformed", lambda w: good(w).rpartition(".")[0] + "."),
    "four parts": ("malformed", lambda w: good(w) + ".e30"),
    "five parts, as if encrypted": ("encrypted", lambda w: good(w) + ".e30.e30"),
    "a hundred parts": ("malformed", lambda _: ".".join(["e30"] * 100)),
    "padding": ("malformed", lambda w: good(w) + "=="),
    "larger than 8 kB": ("too_large", payload(filler="x" * 8_192)),
    "60 kB of dots": ("too_large", lambda _: "." * 60_000),
    "depth 1,000": ("malformed", lambda w: raw(w, HEADER, b"[" * 1_000 + b"]" * 1_000)),
    "a payload that is a list": ("malformed", lambda w: raw(w, HEADER, b"[]")),
    "a payload that is no JSON": ("malformed", lambda w: raw(w, HEADER, b"{")),
    "a header that is a text": ("malformed", lambda w: b64(b'"RS256"') + "." + good(w).partition(".")[2]),
    "a claim twice": ("malformed", text_in_place_of(b'"marked": 1', b'"sub": "s-root"')),
    "exp infinite": ("malformed", text_in_place_of(b'"marked": 1', b'"exp": Infinity')),
    "iat of 1e999": ("malformed", text_in_place_of(b'"marked": 1', b'"nbf": 1e999')),
    "an ID token": ("type", header(typ="JWT")),
    "no type": ("type", header(typ=None)),
    "a type that is a list": ("type", header(typ=["at+jwt"])),
    "alg none, unsigned": ("malformed", lambda w: good(w, header={"alg": "none"}).rpartition(".")[0] + "."),
    "alg none": ("algorithm", header(alg="none")),
    "alg None": ("algorithm", header(alg="None")),
    "HMAC with the public key": ("algorithm", hmac_with_public_key),
    "an algorithm that this issuer does not use": ("algorithm", header(alg="PS256")),
    "an algorithm that is a list": ("algorithm", header(alg=["RS256"])),
    "critical extension": ("crit", header(crit=["exp"])),
    "no critical extension": ("crit", header(crit=[])),
    "b64 false": ("crit", header(b64=False, crit=["b64"])),
    "b64 false, not critical": ("crit", header(b64=False)),
    "an issuer nobody knows": ("issuer", payload(iss="https://id.example")),
    "issuer with a slash": ("issuer", lambda w: good(w, iss=w.staff.url + "/")),
    "issuer in capitals": ("issuer", lambda w: good(w, iss=w.staff.url.upper())),
    "a list of issuers": ("issuer", lambda w: good(w, iss=[w.staff.url])),
    "no issuer": ("issuer", payload(iss=None)),
    "another issuer's key": ("signature", lambda w: w.citizens.token(now(), iss=w.staff.url, roles="agent")),
    "a key nobody knows": ("key_unknown", header(kid="k2")),
    "no kid": ("key_unnamed", header(kid=None)),
    "a kid that is a path": ("key_unknown", header(kid="../../dev/null")),
    "a kid that is a number": ("key_unnamed", header(kid=1)),
    "a key of its own": (
        "signature",
        lambda w: compact(
            {**HEADER, "jwk": public_jwk("k1", STRANGER)},
            json.dumps(w.staff.claims(now(), roles="administrator", areas="suzhou")).encode(),
            "RS256",
            STRANGER,
        ),
    ),
    "a key at an address of its own": (
        "signature",
        lambda w: compact(
            {**HEADER, "jku": "https://keys.example/", "x5u": "https://keys.example/"},
            json.dumps(w.staff.claims(now(), roles="administrator", areas="suzhou")).encode(),
            "RS256",
            STRANGER,
        ),
    ),
    "another body": ("signature", other_body),
    "another signature": ("signature", lambda w: good(w)[:-8] + "AAAAAAAA"),
    "an empty audience": ("audience", payload(aud=[])),
    "another audience": ("audience", payload(aud="https://other.example")),
    "a number among audiences": ("audience", payload(aud=["https://onenet.example", 1])),
    "no audience": ("audience", payload(aud=None)),
    "expired": ("expired", lambda w: good(w, exp=seconds(-35), iat=seconds(-300))),
    "exp as a text": ("exp_missing", lambda w: good(w, exp=str(seconds(300)))),
    "exp true": ("exp_missing", payload(exp=True)),
    "exp negative": ("exp_missing", payload(exp=-1)),
    "no exp": ("exp_missing", payload(exp=None)),
    "exp in the year 30,000": ("exp_missing", payload(exp=10**12)),
    "no iat": ("iat_missing", payload(iat=None)),
    "iat to come": ("issued_in_future", lambda w: good(w, iat=seconds(90))),
    "nbf to come": ("not_yet_valid", lambda w: good(w, nbf=seconds(90))),
    "nbf as a text": ("nbf_missing", payload(nbf="0")),
    "a life of two days": ("lives_too_long", lambda w: good(w, exp=seconds(172_800))),
    "no jti": ("jti_missing", payload(jti=None)),
    "jti a number": ("jti_missing", payload(jti=1)),
    "no client": ("client_id_missing", payload(client_id=None)),
    "no subject": ("sub_missing", payload(sub=None)),
    "a list of subjects": ("sub_missing", payload(sub=["s-1"])),
    "a subject of 200 characters": ("subject", payload(sub="s" * 200)),
    "a subject with a line break": ("subject", payload(sub="s\n1")),
    "a citizen's issuer makes an officer": (
        "role_not_allowed",
        lambda w: w.citizens.token(now(), roles=["officer"], dept="health"),
    ),
    "a citizen's issuer makes an administrator, too": (
        "role_not_allowed",
        lambda w: w.citizens.token(now(), roles=["citizen", "administrator"]),
    ),
    "no role": ("role_missing", payload(roles=["offline_access"])),
    "no role claim": ("role_missing", payload(roles=None)),
    "a role that is an object": ("role_missing", payload(roles={"administrator": True})),
    "two roles": ("role_ambiguous", payload(roles=["administrator", "boss"])),
    "an officer of no department": ("department", payload(roles="officer")),
    "an officer of a list of departments": ("department", payload(roles="officer", dept=["health"])),
    "an officer of a department that is a path": ("department", payload(roles="officer", dept="../health")),
    "no jurisdiction": ("jurisdictions", payload(areas=None)),
    "an empty list of jurisdictions": ("jurisdictions", payload(areas=[])),
    "a jurisdiction that is a pattern": ("jurisdictions", payload(areas=["%"])),
}  # fmt: skip


@pytest.mark.parametrize(("reason", "make"), HOSTILE.values(), ids=HOSTILE)
def test_a_hostile_token_is_refused_and_the_log_says_why(
    world: World, reason: str, make: Callable[[World], str]
) -> None:
    token = make(world)
    answer = world.ask(token)
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, 'Bearer realm="onenet"')
    assert world.last_failure()["reason"] == reason
    assert token not in world.server.log.read_text(encoding="utf-8")


def test_each_refusal_is_the_same_to_whoever_sent_it(world: World) -> None:
    answers = []
    for name in ("nothing", "expired", "a key nobody knows", "a citizen's issuer makes an officer"):
        answer = world.ask(HOSTILE[name][1](world), **{"X-Request-Id": "the-same"})
        headers = {key: value for key, value in answer.headers.items() if key != "date"}
        answers.append((answer.status_code, headers, answer.content))
    assert answers == answers[:1] * 4


def test_a_refused_key_gets_the_same_answer_as_a_refused_token(world: World) -> None:
    key = world.ask("onk_00000000_" + "0" * 43, **{"X-Request-Id": "the-same"})
    token = world.ask("x", **{"X-Request-Id": "the-same"})
    assert (key.status_code, key.content) == (token.status_code, token.content)


def test_the_event_names_the_issuer_of_a_token_that_failed(world: World) -> None:
    world.ask(good(world, aud="https://other.example"))
    assert world.last_failure()["issuer"] == "staff-id"


@pytest.mark.parametrize(
    ("header", "changes"),
    [
        ({}, {}),
        ({"typ": "application/at+jwt"}, {}),
        ({"typ": "AT+JWT"}, {}),
        ({"jku": "https://keys.example/", "x5u": "https://keys.example/"}, {}),
        ({"jwk": public_jwk("k1", STRANGER)}, {}),
        ({"extra": 1}, {}),
        ({}, {"aud": ["https://other.example", "https://onenet.example"]}),
        ({}, {"roles": "boss"}),
        ({}, {"roles": ["offline_access", "administrator"]}),
        ({}, {"filler": "x" * 4_000}),
    ],
)
def test_a_good_token_comes_in(world: World, header: dict[str, Any], changes: dict[str, Any]) -> None:
    answer = world.ask(good(world, header=header, **changes))
    assert answer.status_code in (200, 403), world.last_failure()  # 403: believed, and of another role


@pytest.mark.parametrize("kid", ["ec", "ed"])
def test_signatures_on_curves_are_checked(world: World, kid: str) -> None:
    token = world.curves.token(now(), kid=kid)
    assert world.ask(token).status_code == 200
    assert world.ask(token[:-6] + "AAAAAA").status_code == 401


def test_a_key_of_another_kind_than_the_algorithm_is_refused(world: World) -> None:
    signed = world.curves.token(now(), kid="rsa", header={"alg": "PS256"})
    assert world.ask(signed).status_code == 200
    world.ask(world.curves.token(now(), kid="rsa", header={"alg": "ES256"}))
    assert world.last_failure()["reason"] == "key_unfit"


def test_a_clock_that_is_thirty_seconds_off_is_borne(world: World) -> None:
    late = good(world, exp=seconds(-20), iat=seconds(-300))
    early = good(world, iat=seconds(20), nbf=seconds(20))
    assert [world.ask(token).status_code for token in (late, early)] == [200, 200]


@pytest.mark.parametrize(("acr", "status"), [("two-factor", 404), ("password", 403), (None, 403)])
def test_a_decision_takes_a_strong_authentication(world: World, acr: str | None, status: int) -> None:
    token = good(world, roles="boss", acr=acr)
    answer = httpx2.post(
        f"{world.server.url}/v1/cases/{UUID(int=1)}/steps/any/decisions",
        headers={"Authorization": f"Bearer {token}", "Idempotency-Key": str(acr)},
        json={"action": "release", "reason": "the department has mended its answer"},
        trust_env=False,
    )
    assert answer.status_code == status, answer.text


def test_a_key_still_opens_beside_tokens(world: World) -> None:
    assert world.ask(world.server.administrator).status_code == 200


def test_nobody_had_the_keys_fetched_twice(world: World) -> None:
    world.ask(HOSTILE["a key nobody knows"][1](world))
    assert world.staff.asked.count("/keys") <= 1


def test_a_right_token_is_told_without_its_subject(world: World) -> None:
    """By a name that is the same for each token of the same person, and from which nobody can be told."""
    subject = "s-arriving-once"
    for _ in range(2):
        assert world.ask(good(world, sub=subject)).status_code == 200
    written = world.server.log.read_text(encoding="utf-8")
    name = hashlib.sha256(f"administrator:staff-id/{subject}".encode()).hexdigest()[:16]
    told = [json.loads(line) for line in written.splitlines() if name in line]
    assert [(each["event"], each["reason"], each["client"]) for each in told] == [
        ("authenticated", "access_token", "administrator:staff-id")
    ]
    assert subject not in written


# ---- tokens that are bound to a key (RFC 9449)


def ask_bound(world: World, token: str, shown: str | None, scheme: str = "DPoP") -> httpx2.Response:
    headers = {"Authorization": f"{scheme} {token}", **({"DPoP": shown} if shown else {})}
    return httpx2.get(world.server.url + PATH, headers=headers, trust_env=False, verify=NO_TLS)


def bound(world: World) -> str:
    return good(world, cnf={"jkt": thumbprint(KEY)})


def test_a_bound_token_comes_in_with_a_proof_and_a_proof_does_so_once(world: World) -> None:
    token, url = bound(world), world.server.url + PATH
    shown = proof(token, url, now(), jti="once")
    assert ask_bound(world, token, shown).status_code == 200
    assert ask_bound(world, token, shown).status_code == 401
    assert world.last_failure()["reason"] == "proof_again"
    assert ask_bound(world, token, proof(token, url, now(), jti="twice")).status_code == 200


def test_a_stolen_token_is_of_no_use(world: World) -> None:
    """Not as a bearer's, nor without a proof, nor with one by the thief's own key or of another request."""
    token, url = bound(world), world.server.url + PATH
    for reason, shown, scheme in (
        ("proof_missing", None, "Bearer"),
        ("proof_missing", proof(token, url, now(), jti="b"), "Bearer"),
        ("proof_missing", None, "DPoP"),
        ("proof_key", proof(token, url, now(), key=OTHER_KEY), "DPoP"),
        ("proof_elsewhere", proof(token, world.server.url + "/v1/cases", now()), "DPoP"),
    ):
        assert ask_bound(world, token, shown, scheme).status_code == 401
        assert world.last_failure()["reason"] == reason


@pytest.mark.parametrize(
    ("reason", "cnf"),
    [
        ("binding", {"x5t#S256": "A" * 43}),
        ("binding", {"jkt": 1}),
        ("binding", {"jkt": "A" * 43, "x5t#S256": "A" * 43}),
        ("binding", "jkt"),
        ("binding", {}),
    ],
)
def test_a_token_that_is_bound_to_what_we_cannot_check_is_refused(
    world: World, reason: str, cnf: object
) -> None:
    assert world.ask(good(world, cnf=cnf)).status_code == 401
    assert world.last_failure()["reason"] == reason


def test_what_is_bound_to_nothing_does_not_come_with_proofs(world: World) -> None:
    """Neither a token nor a key: who asks for the stronger scheme must not get the weaker one."""
    url = world.server.url + PATH
    for credential in (good(world), world.server.administrator):
        assert (
            ask_bound(world, credential, proof(credential, url, now(), jti=credential[:9])).status_code == 401
        )


def test_an_issuer_whose_tokens_must_be_bound_is_not_believed_otherwise(world: World) -> None:
    assert world.ask(world.systems.token(now(), dept="health")).status_code == 401
    assert world.last_failure()["reason"] == "not_bound"
    token = world.systems.token(now(), dept="health", cnf={"jkt": thumbprint(KEY)})
    assert ask_bound(world, token, proof(token, world.server.url + PATH, now(), jti="s")).status_code == 200
