"""Logging in to the console: a browser, the application, and an issuer that it reaches over HTTP."""

from __future__ import annotations

import hashlib
import re
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ed25519
from structlog.testing import capture_logs

from onenet.api.parts import Parts
from onenet.app import create_app
from onenet.clock import FrozenClock, SystemClock
from onenet.errors import MisconfiguredError
from onenet.issuers import Issuer
from onenet.services import tokens
from onenet.services.advance import Gate
from onenet.services.catalogue import Catalogue
from onenet.services.identity import Identity
from onenet.services.keys import Keyring
from onenet.services.logins import IDLE, LONGEST, Logins
from onenet.services.reading import Reading
from onenet.services.tokens import AccessTokens
from onenet.services.watch import Watch
from onenet.store import identity_tables
from onenet.store.database import Database
from tests import outward
from tests.documents.vaults import bare_vault
from tests.issuing import TestIssuer, issuing

pytestmark = [pytest.mark.anyio, pytest.mark.parametrize("backend", ["sqlite"], indirect=True)]

HERE = "https://onenet.example"
LOGIN = {"client_id": "console", "client_secret": "s3"}


@dataclass
class Desk:
    """A browser before the application, and the issuer behind it."""

    browser: httpx2.AsyncClient
    other_browser: httpx2.AsyncClient
    issuer: TestIssuer
    clock: FrozenClock
    database: Database

    async def begin(self, **query: str) -> dict[str, str]:
        """Asks to log in; gives what the issuer is asked."""
        answer = await self.browser.get("/console/login", params={"issuer": "city-id", **query})
        assert answer.status_code == 303, answer.text
        where = urlsplit(answer.headers["location"])
        assert f"{where.scheme}://{where.netloc}{where.path}" == f"{self.issuer.url}/authorise"
        return dict(parse_qsl(where.query))

    async def log_in(self, **query: str) -> httpx2.Response:
        """All of it, at an issuer where the person is known already."""
        return await self.browser.get(self.issuer.authorise(await self.begin(**query)))

    async def home(self) -> httpx2.Response:
        """The page that says who is logged in."""
        return await self.browser.get("/console/", headers={"Accept-Language": "en"})

    async def leave(self, **headers: str) -> httpx2.Response:
        """Sends the form of the page."""
        page = (await self.home()).text
        (token,) = re.findall(r'name="form_token" value="([^"]+)"', page)
        said = {"Origin": HERE, **headers}
        return await self.browser.post("/console/logout", data={"form_token": token}, headers=said)

    async def log_in_elsewhere(
        self, browser: str = "Mozilla/5.0 (Windows NT 10.0; rv:150.0) Firefox/150.0"
    ) -> str:
        """The same person in the other browser; gives the id of that log-in."""
        begun = await self.other_browser.get("/console/login?issuer=city-id")
        back = self.issuer.authorise(dict(parse_qsl(urlsplit(begun.headers["location"]).query)))
        await self.other_browser.get(back, headers={"User-Agent": browser})
        return self.other_browser.cookies["__Host-onenet-login"]

    async def end(self, which: str, **headers: str) -> httpx2.Response:
        """Sends the form about other log-ins."""
        (token, *_) = re.findall(r'name="form_token" value="([^"]+)"', (await self.home()).text)
        data = {"form_token": token, "end": which}
        return await self.browser.post("/console/logins", data=data, headers={"Origin": HERE, **headers})

    async def sessions(self) -> list[Any]:
        async with self.database.read() as connection:
            return list(await connection.execute(identity_tables.login_session.select()))


@pytest.fixture
def issuer() -> Iterator[TestIssuer]:
    with issuing() as made:
        made.person["roles"] = ["officer"]
        yield made


def staff(issuer: TestIssuer, **changes: Any) -> Issuer:
    """How the issuer is configured, if nothing else is said."""
    roles = ["officer", "supervisor"]
    return issuer.settings(
        **{"roles": roles, "role_claim": "roles", "department": "health", "login": LOGIN, **changes}
    )


@asynccontextmanager
async def desk_over(
    database: Database, clock: FrozenClock, issuer: TestIssuer, *configured: Issuer
) -> AsyncIterator[Desk]:
    access_tokens = AccessTokens(configured, database, clock, destinations=outward.HERE)
    catalogue = Catalogue(database)
    gate = Gate(database, catalogue.bundle, clock, clock)
    parts = Parts(
        HERE, database, gate, Watch(database), catalogue, Reading(database, catalogue),
        Identity(Keyring(database, clock), access_tokens), clock, bare_vault(database, clock),
    )  # fmt: skip
    app = create_app(parts, logins=Logins(access_tokens, database, clock, public_url=HERE))

    def browser() -> httpx2.AsyncClient:
        return httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url=HERE)

    async with browser() as one, browser() as other:
        yield Desk(one, other, issuer, clock, database)
    await access_tokens.aclose()


@pytest.fixture
def clock() -> FrozenClock:
    """Now: the issuer has a clock of its own."""
    return FrozenClock(SystemClock().now())


@pytest.fixture
async def desk(database: Database, clock: FrozenClock, issuer: TestIssuer) -> AsyncIterator[Desk]:
    async with desk_over(database, clock, issuer, staff(issuer)) as made:
        yield made


async def test_who_logs_in_comes_back_to_where_they_wanted_to_go(desk: Desk) -> None:
    answer = await desk.log_in(next="/console/?lang=en")
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/?lang=en")
    page = await desk.home()
    assert page.status_code == 200
    for said in ("s-7f3a (city-id)", "Officer of a department", "health"):
        assert said in page.text


async def test_who_is_not_logged_in_is_sent_to_log_in(desk: Desk) -> None:
    answer = await desk.home()
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/login?next=%2Fconsole%2F")


async def test_the_issuer_is_asked_for_a_code_with_a_proof_and_no_secret(desk: Desk) -> None:
    asked = await desk.begin()
    assert asked["redirect_uri"] == f"{HERE}/console/callback"
    assert (asked["response_type"], asked["code_challenge_method"]) == ("code", "S256")
    assert {len(asked[name]) for name in ("state", "nonce", "code_challenge")} == {43}
    assert len({asked[name] for name in ("state", "nonce", "code_challenge")}) == 3
    assert not {"client_secret", LOGIN["client_secret"]} & {*asked, *asked.values()}


async def test_the_cookie_is_for_this_host_alone_and_no_script_reads_it(desk: Desk) -> None:
    answer = await desk.log_in()
    cookies = answer.headers.get_list("set-cookie")
    (said,) = [each for each in cookies if each.startswith("__Host-onenet-login=")]
    value = said.partition("=")[2].partition(";")[0]
    assert len(value) == 43
    assert set(said.split("; ")[1:]) == {"HttpOnly", "Max-Age=43200", "Path=/", "SameSite=lax", "Secure"}


async def test_neither_page_nor_row_holds_a_token_or_the_cookie(desk: Desk) -> None:
    await desk.log_in()
    id = desk.browser.cookies["__Host-onenet-login"]
    (row,) = await desk.sessions()
    assert id.encode() not in bytes(row.id_hash)
    assert id not in (page := (await desk.home()).text)
    assert "eyJ" not in page


async def test_each_log_in_has_an_id_of_its_own_and_ends_the_one_before(desk: Desk) -> None:
    await desk.log_in()
    first = desk.browser.cookies["__Host-onenet-login"]
    await desk.log_in()
    assert desk.browser.cookies["__Host-onenet-login"] != first
    assert len(await desk.sessions()) == 1
    desk.other_browser.cookies.set("__Host-onenet-login", first)
    assert (await desk.other_browser.get("/console/")).status_code == 303


async def test_an_id_that_somebody_chose_beforehand_is_not_taken_over(desk: Desk) -> None:
    desk.browser.cookies.set("__Host-onenet-login", "x" * 43, domain="onenet.example")
    await desk.log_in()
    assert desk.browser.cookies["__Host-onenet-login"] != "x" * 43
    desk.other_browser.cookies.set("__Host-onenet-login", "x" * 43)
    assert (await desk.other_browser.get("/console/")).status_code == 303


async def refused(desk: Desk, url: str, reason: str, browser: httpx2.AsyncClient | None = None) -> None:
    """The answer of the issuer is not believed, the log says why and the page does not."""
    with capture_logs() as lines:
        answer = await (browser or desk.browser).get(url, headers={"Accept-Language": "en"})
    assert answer.status_code == 401
    assert "You could not be logged in" in answer.text
    failed = [line["reason"] for line in lines if line["event"] == "authentication_failed"]
    assert failed == [reason]
    assert await desk.sessions() == []


async def test_an_answer_is_taken_by_the_browser_that_asked_alone(desk: Desk) -> None:
    back = desk.issuer.authorise(await desk.begin())
    await refused(desk, back, "login_ticket", desk.other_browser)
    await desk.other_browser.get("/console/login?issuer=city-id")
    await refused(desk, back, "state", desk.other_browser)


async def test_an_answer_is_taken_once(desk: Desk) -> None:
    back = desk.issuer.authorise(await desk.begin())
    ticket = desk.browser.cookies["__Host-onenet-ticket"]
    assert (await desk.browser.get(back)).status_code == 303
    assert "__Host-onenet-ticket" not in desk.browser.cookies
    desk.other_browser.cookies.set("__Host-onenet-ticket", ticket)
    answer = await desk.other_browser.get(back)
    assert answer.status_code == 401, "the code was used"


@pytest.mark.parametrize("begun_s", ["9" * 400, "-1", "", "nan"])
async def test_a_ticket_with_no_time_in_it_is_refused_as_every_other(desk: Desk, begun_s: str) -> None:
    back = desk.issuer.authorise(await desk.begin())
    secret, _, *rest = desk.browser.cookies["__Host-onenet-ticket"].split(".")
    desk.other_browser.cookies.set("__Host-onenet-ticket", ".".join((secret, begun_s, *rest)))
    await refused(desk, back, "login_ticket", desk.other_browser)


async def test_a_log_in_must_be_made_within_ten_minutes(desk: Desk) -> None:
    back = desk.issuer.authorise(await desk.begin())
    desk.clock.advance(timedelta(minutes=10, seconds=2))
    await refused(desk, back, "login_ticket")


async def test_where_one_goes_afterwards_cannot_be_changed_on_the_way(desk: Desk) -> None:
    back = desk.issuer.authorise(await desk.begin())
    ticket = desk.browser.cookies["__Host-onenet-ticket"]
    desk.browser.cookies.set("__Host-onenet-ticket", ticket.rpartition(".")[0] + ".aHR0cHM6Ly9ldmls")
    desk.browser.cookies.delete("__Host-onenet-ticket", domain="onenet.example")
    await refused(desk, back, "state")


CHANGED = (
    ({"code": "code-9"}, "code"),
    ({"code": ""}, "login_refused"),
    ({"error": "access_denied"}, "login_refused"),
    ({"iss": "https://other.example"}, "issuer"),
    ({"state": "x" * 43}, "state"),
    ({"state": ""}, "state"),
)


async def test_an_answer_that_was_changed_is_refused(desk: Desk) -> None:
    for changes, reason in CHANGED:
        back = urlsplit(desk.issuer.authorise(await desk.begin()))
        changed = {**dict(parse_qsl(back.query)), **changes}
        await refused(desk, f"{back.path}?{urlencode(changed)}", reason)


async def test_a_parameter_that_comes_twice_is_refused(desk: Desk) -> None:
    back = desk.issuer.authorise(await desk.begin())
    await refused(desk, f"{back}&code=code-1", "state")


WRONG: tuple[tuple[dict[str, Any], dict[str, Any], str], ...] = (
    ({"nonce": "another"}, {}, "nonce"),
    ({"nonce": None}, {}, "nonce"),
    ({"aud": "other-client"}, {}, "audience"),
    ({"aud": ["console", "other-client"]}, {}, "audience"),
    ({"azp": "other-client"}, {}, "audience"),
    ({"iss": "https://other.example"}, {}, "issuer"),
    ({"exp": 1}, {}, "expired"),
    ({"sub": None}, {}, "sub_missing"),
    ({"roles": ["administrator"]}, {}, "role_not_allowed"),
    ({"roles": []}, {}, "role_missing"),
    ({}, {"typ": "at+jwt"}, "type"),
    ({}, {"alg": "none"}, "algorithm"),
    ({}, {"kid": "k9"}, "key_unknown"),
)


async def test_an_id_token_that_is_not_right_logs_nobody_in(desk: Desk) -> None:
    right = desk.issuer.person, desk.issuer.id_header
    for person, header, reason in WRONG:
        desk.issuer.person, desk.issuer.id_header = right[0] | person, right[1] | header
        await refused(desk, desk.issuer.authorise(await desk.begin()), reason)
    desk.issuer.person, desk.issuer.id_header = right
    assert (await desk.log_in()).status_code == 303


async def test_an_id_token_may_leave_its_key_unnamed_where_there_is_one_key(desk: Desk) -> None:
    desk.issuer.id_header |= {"kid": None}
    assert (await desk.log_in()).status_code == 303


async def test_an_id_token_names_its_key_where_there_are_several(desk: Desk) -> None:
    desk.issuer.keys["k2"] = ed25519.Ed25519PrivateKey.generate()
    desk.issuer.id_header |= {"kid": None}
    await refused(desk, desk.issuer.authorise(await desk.begin()), "key_unknown")


async def test_an_id_token_opens_no_route_of_the_api(desk: Desk) -> None:
    claims = {"aud": HERE, "roles": "officer"}
    token = desk.issuer.signed(desk.issuer.claims(desk.clock.now(), **claims), header={"typ": "JWT"})
    answer = await desk.browser.get("/v1/bundles", headers={"Authorization": f"Bearer {token}"})
    assert answer.status_code == 401


ELSEWHERE = (
    "https://evil.example/", "//evil.example", "/\\evil.example", "/console/..//evil.example", "console/",
    "/console//evil.example", "/console//evil",
    "javascript:alert(1)", "/console/\r\nX: y", "/consolex/", "/v1/cases", "",
    "/console/@evil", "/console/?next=https://evil.example",
)  # fmt: skip


async def test_nobody_is_sent_elsewhere_after_a_log_in(desk: Desk) -> None:
    for target in ELSEWHERE:
        answer = await desk.browser.get("/console/login", params={"next": target})
        assert (answer.status_code, "location" in answer.headers) == (400, False), target


async def test_an_idle_log_in_ends_after_half_an_hour(desk: Desk) -> None:
    await desk.log_in()
    for _ in range(3):
        desk.clock.advance(IDLE - timedelta(seconds=61))
        assert (await desk.home()).status_code == 200
    desk.clock.advance(IDLE)
    assert (await desk.home()).status_code == 303


async def test_a_log_in_ends_after_twelve_hours_however_busy(desk: Desk) -> None:
    await desk.log_in()
    passed = timedelta(0)
    while passed + timedelta(minutes=20) < LONGEST:
        desk.clock.advance(timedelta(minutes=20))
        passed += timedelta(minutes=20)
        assert (await desk.home()).status_code == 200
    desk.clock.advance(timedelta(minutes=20))
    assert (await desk.home()).status_code == 303


async def test_who_logs_out_is_out(desk: Desk) -> None:
    await desk.log_in()
    id = desk.browser.cookies["__Host-onenet-login"]
    answer = await desk.leave()
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/left?issuer=city-id")
    assert answer.headers["clear-site-data"] == '"cache", "storage"'
    assert await desk.sessions() == []
    assert "__Host-onenet-login" not in desk.browser.cookies
    desk.other_browser.cookies.set("__Host-onenet-login", id)
    assert (await desk.other_browser.get("/console/")).status_code == 303
    page = await desk.browser.get(answer.headers["location"])
    assert f'href="{desk.issuer.url}/bye"' in page.text


# ---- log-ins elsewhere


async def test_other_log_ins_are_told_with_their_time_address_and_browser(desk: Desk) -> None:
    await desk.log_in()
    assert "You are logged in in no other browser" in (await desk.home()).text
    await desk.log_in_elsewhere()
    page = (await desk.home()).text
    for said in ("Firefox, Windows", "127.0.0.1", f"{desk.clock.now():%Y-%m-%d %H:%M} UTC"):
        assert said in page.partition("Logged in elsewhere")[2], said
    assert len(re.findall(r'name="end"', page)) == 2, "one, and all; none for this browser"


async def test_another_log_in_is_ended_and_this_one_stays(desk: Desk) -> None:
    await desk.log_in()
    elsewhere = await desk.log_in_elsewhere()
    (mark,) = re.findall(r'name="end" value="([0-9a-f]{64})"', (await desk.home()).text)
    assert mark == hashlib.sha256(elsewhere.encode()).hexdigest()
    with capture_logs() as lines:
        answer = await desk.end(mark)
    assert (answer.status_code, answer.headers["location"]) == (303, "/console/")
    assert [line["reason"] for line in lines if line["event"] == "session_ended"] == ["left_from_elsewhere"]
    assert (await desk.home()).status_code == 200
    assert (await desk.other_browser.get("/console/")).status_code == 303


async def test_all_others_are_ended_at_once(desk: Desk) -> None:
    await desk.log_in()
    await desk.log_in_elsewhere()
    desk.other_browser.cookies.clear()
    await desk.log_in_elsewhere()
    assert len(await desk.sessions()) == 3
    await desk.end("all")
    assert len(await desk.sessions()) == 1
    assert (await desk.home()).status_code == 200


async def test_nobody_ends_a_log_in_of_somebody_else_or_by_guessing(desk: Desk) -> None:
    await desk.log_in()
    desk.issuer.person["sub"] = "s-other"
    other = await desk.log_in_elsewhere()
    assert "You are logged in in no other browser" in (await desk.home()).text
    own = desk.browser.cookies["__Host-onenet-login"]
    marks = [hashlib.sha256(id.encode()).hexdigest() for id in (other, own)]
    for mark in (*marks, "all", "", "x"):
        assert (await desk.end(mark)).status_code == 303
    assert len(await desk.sessions()) == 2


async def test_another_site_ends_no_log_in(desk: Desk) -> None:
    await desk.log_in()
    await desk.log_in_elsewhere()
    assert (await desk.end("all", Origin="https://evil.example")).status_code == 403
    no_token = await desk.browser.post("/console/logins", data={"end": "all"}, headers={"Origin": HERE})
    assert no_token.status_code == 403
    assert len(await desk.sessions()) == 2


async def test_a_log_in_that_is_over_is_not_told(desk: Desk) -> None:
    await desk.log_in()
    await desk.log_in_elsewhere()
    for _ in range(2):
        assert "Firefox" in (await desk.home()).text
        desk.clock.advance(IDLE / 2)
    assert "You are logged in in no other browser" in (await desk.home()).text


FOREIGN = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": ""},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Content-Type": "text/plain"},
)


async def test_another_site_logs_nobody_out(desk: Desk) -> None:
    await desk.log_in()
    for headers in FOREIGN:
        assert (await desk.leave(**headers)).status_code == 403, headers
        assert (await desk.home()).status_code == 200
    assert (await desk.leave()).status_code == 303


async def test_a_form_without_its_token_is_refused(desk: Desk) -> None:
    await desk.log_in()
    (token,) = re.findall(r'name="form_token" value="([^"]+)"', (await desk.home()).text)
    said = {"Origin": HERE, "Content-Type": "application/x-www-form-urlencoded"}
    for body in ("", "form_token=", "form_token=x", f"form_token={token}&form_token={token}", "x=1"):
        answer = await desk.browser.post("/console/logout", content=body, headers=said)
        assert answer.status_code == 403, body
        assert (await desk.home()).status_code == 200


async def test_a_large_form_is_cut_off(desk: Desk) -> None:
    await desk.log_in()
    said = {"Origin": HERE, "Content-Type": "application/x-www-form-urlencoded"}
    answer = await desk.browser.post("/console/logout", content="x" * 20_000, headers=said)
    assert answer.status_code == 413


async def test_logging_out_by_a_link_does_nothing(desk: Desk) -> None:
    await desk.log_in()
    assert (await desk.browser.get("/console/logout")).status_code == 405
    assert (await desk.home()).status_code == 200


async def test_who_was_taken_back_is_logged_out_and_does_not_come_in_again_with_what_there_was(
    desk: Desk,
) -> None:
    await desk.log_in()
    now = desk.clock.now()
    known = staff(desk.issuer)
    ended = await tokens.revoke_subject(desk.database, known, "s-7f3a", before=now, now=now)
    assert ended == 1
    assert (await desk.home()).status_code == 303


async def test_an_id_token_from_before_the_subject_was_taken_back_logs_nobody_in(desk: Desk) -> None:
    now = desk.clock.now()
    await tokens.revoke_subject(desk.database, staff(desk.issuer), "s-7f3a", before=now, now=now)
    desk.issuer.person["iat"] = int(now.timestamp()) - 60
    await refused(desk, desk.issuer.authorise(await desk.begin()), "revoked")


async def test_a_departments_system_has_no_log_in(
    database: Database, clock: FrozenClock, issuer: TestIssuer
) -> None:
    issuer.person["roles"] = ["department"]
    async with desk_over(database, clock, issuer, staff(issuer, roles=["officer", "department"])) as desk:
        await refused(desk, issuer.authorise(await desk.begin()), "role_not_allowed")


async def test_what_an_issuer_may_give_counts_for_those_who_are_logged_in(
    database: Database, clock: FrozenClock, issuer: TestIssuer
) -> None:
    async with desk_over(database, clock, issuer, staff(issuer)) as before:
        await before.log_in()
        id = before.browser.cookies["__Host-onenet-login"]
    narrowed = staff(issuer, roles=["supervisor"])
    async with desk_over(database, clock, issuer, narrowed) as after:
        after.browser.cookies.set("__Host-onenet-login", id)
        assert (await after.home()).status_code == 303


async def test_an_issuer_that_is_away_is_told_and_no_cookie_is_set(desk: Desk) -> None:
    desk.issuer.is_down = True
    answer = await desk.browser.get("/console/login?issuer=city-id")
    assert answer.status_code == 503
    assert "set-cookie" not in answer.headers


async def test_neither_a_visit_nor_another_sites_link_begins_a_log_in(desk: Desk) -> None:
    link = "/console/login?issuer=city-id"
    asked = [("/console/login", "same-origin"), (link, "cross-site"), (link, "same-site"), (link, "none")]
    for address, site in asked:
        page = await desk.browser.get(address, headers={"Sec-Fetch-Site": site})
        assert (page.status_code, "set-cookie" in page.headers) == (200, False), (address, site)
        assert "/console/login?issuer=city-id&amp;next=%2Fconsole%2F" in page.text
    begun = await desk.browser.get(link, headers={"Sec-Fetch-Site": "same-origin"})
    assert (begun.status_code, "set-cookie" in begun.headers) == (303, True)


async def test_one_chooses_among_several_issuers(
    database: Database, clock: FrozenClock, issuer: TestIssuer
) -> None:
    other = staff(issuer, code="other-id", url="https://other.example")
    async with desk_over(database, clock, issuer, staff(issuer), other) as desk:
        page = await desk.browser.get("/console/login")
        assert "/console/login?issuer=city-id&amp;next=%2Fconsole%2F" in page.text
        assert (await desk.log_in(issuer="city-id")).status_code == 303
        assert (await desk.browser.get("/console/login?issuer=nobody")).status_code == 404


async def test_without_an_issuer_to_log_in_at_there_is_no_console(
    database: Database, clock: FrozenClock, issuer: TestIssuer
) -> None:
    async with desk_over(database, clock, issuer, staff(issuer, login=None)) as desk:
        assert (await desk.home()).status_code == 404


async def test_a_page_allows_forms_to_itself_and_nothing_else(desk: Desk) -> None:
    await desk.log_in()
    page = await desk.home()
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "form-action 'self'" in policy
    assert page.headers["referrer-policy"] == "same-origin"
    assert page.headers["cache-control"] == "no-store"
    assert "Cookie" in page.headers["vary"]


async def test_a_cookie_never_travels_in_the_clear(
    database: Database, clock: FrozenClock, issuer: TestIssuer
) -> None:
    known = AccessTokens([staff(issuer)], database, clock, destinations=outward.HERE)
    with pytest.raises(MisconfiguredError, match="ONENET_PUBLIC_URL: expected https://"):
        Logins(known, database, clock, public_url="http://onenet.example")
    assert not Logins(known, database, clock, public_url="http://127.0.0.1:8000").is_secure
