"""Tokens and log-ins of OpenID providers that others wrote: one of Python, and one of Node where that is."""

from __future__ import annotations

import base64
import hashlib
import html
import json
import re
import secrets
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, urljoin, urlsplit

import httpx2
import pytest

from tests.api.live import Live, live
from tests.faults.ports import Ports
from tests.issuing import AUDIENCE
from tests.outward import NO_TLS

pytestmark = pytest.mark.xdist_group("oidc-peers")

NODE_PACKAGE = "oidc-provider@9.13.3"
SCRIPT = Path(__file__).parent / "peers" / "oidc_provider.mjs"
START_LIMIT_S = 30.0


@dataclass(frozen=True)
class Peer:
    """A provider that listens, and the service that believes it."""

    url: str
    code: str
    server: Live

    @property
    def login(self) -> str:
        """Where one logs in to the console through it."""
        return f"{self.server.url}/console/login?issuer={self.code}"


def issuer(code: str, url: str) -> dict[str, Any]:
    """How the service is told of it."""
    return {
        "code": code, "url": url, "audience": AUDIENCE, "roles": ["officer", "department"],
        "role_claim": "roles", "department": "health",
        "login": {"client_id": "console", "client_secret": "s3"},
    }  # fmt: skip


@pytest.fixture(scope="module")
def peers(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Peer]]:
    """Where the providers are going to listen, and the service, which asks them later."""
    with Ports() as ports:
        urls = {code: f"http://127.0.0.1:{ports.take()}" for code in ("python-id", "node-id")}
        known = json.dumps([issuer(code, url) for code, url in urls.items()])
        with live(tmp_path_factory.mktemp("believer"), ONENET_ISSUERS=known) as server:
            yield {code: Peer(url, code, server) for code, url in urls.items()}


@contextmanager
def listening(command: list[str], url: str, folder: Path) -> Iterator[None]:
    """The provider, from the moment it answers until the end."""
    log = folder / "peer.log"
    with log.open("wb") as output:
        process = subprocess.Popen(command, cwd=folder, stdout=output, stderr=output, process_group=0)
        try:
            deadline = time.monotonic() + START_LIMIT_S
            while True:
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, "the provider does not listen"
                try:
                    known = f"{url}/.well-known/openid-configuration"
                    httpx2.get(known, trust_env=False, verify=NO_TLS).raise_for_status()
                    break
                except httpx2.HTTPError:
                    time.sleep(0.05)
            yield
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait()


@pytest.fixture(scope="module")
def python_peer(peers: dict[str, Peer], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    peer, folder = peers["python-id"], tmp_path_factory.mktemp("python-peer")
    person = json.dumps({"sub": "s-7f3a", "roles": ["officer"]})
    port = str(urlsplit(peer.url).port)
    command = [sys.executable, "-m", "oidc_provider_mock", "-p", port, "--user-claims", person]
    with listening(command, peer.url, folder):
        yield peer


@pytest.fixture(scope="module")
def node_peer(peers: dict[str, Peer], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Peer]:
    peer, folder = peers["node-id"], tmp_path_factory.mktemp("node-peer")
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        pytest.skip("node and npm are not installed (Debian packages nodejs, npm)")
    shutil.copy(SCRIPT, folder)
    (folder / "package.json").write_text('{"private": true}', encoding="utf-8")
    install = [npm, "install", "--no-audit", "--no-fund", "--silent", NODE_PACKAGE]
    if subprocess.run(install, cwd=folder, capture_output=True, check=False).returncode:
        pytest.skip(f"npm cannot install {NODE_PACKAGE} here")
    redirect = f"{peer.server.url}/console/callback"
    with listening([node, SCRIPT.name, str(urlsplit(peer.url).port), AUDIENCE, redirect], peer.url, folder):
        yield peer


def browser() -> httpx2.Client:
    return httpx2.Client(trust_env=False, follow_redirects=True, timeout=20)


def fill_in(client: httpx2.Client, page: httpx2.Response, **said: str) -> httpx2.Response:
    """Sends the first form of the page with its hidden fields and what is said."""
    form = page.text[page.text.index("<form") :]
    found = re.search(r'action="([^"]*)"', form.partition(">")[0])
    fields = dict(re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)"', form))
    action = urljoin(str(page.url), html.unescape(found.group(1)) if found else "")
    return client.post(action, data={**fields, **said})


def ask(peer: Peer, token: str) -> httpx2.Response:
    return httpx2.get(
        f"{peer.server.url}/v1/bundles", headers={"Authorization": f"Bearer {token}"}, trust_env=False
    )


def failures(peer: Peer) -> list[dict[str, Any]]:
    lines = peer.server.log.read_text(encoding="utf-8").splitlines()
    return [json.loads(line) for line in lines if '"authentication_failed"' in line]


def test_an_officer_logs_in_at_the_python_provider(python_peer: Peer) -> None:
    with browser() as client:
        page = client.get(python_peer.login)
        assert str(page.url).startswith(f"{python_peer.url}/oauth2/authorize?")
        home = client.post(str(page.url), data={"sub": "s-7f3a"})
        assert (home.status_code, str(home.url)) == (200, f"{python_peer.server.url}/console/")
        assert "s-7f3a (python-id)" in home.text
        assert set(client.cookies) >= {"onenet-login"}


def test_who_the_provider_did_not_let_in_is_not_logged_in(python_peer: Peer) -> None:
    with browser() as client:
        page = client.get(python_peer.login)
        answer = client.post(str(page.url), data={"action": "deny"})
        assert answer.status_code == 401
        # It forgets the state that RFC 6749 section 4.1.2.1 asks for; with it the reason is `login_refused`.
        assert failures(python_peer)[-1]["reason"] == "state"
        assert "onenet-login" not in client.cookies


def logged_in_at_node(client: httpx2.Client, page: httpx2.Response) -> httpx2.Response:
    """Says who it is and agrees; where that leads to."""
    page = fill_in(client, page, login="s-7f3a", password="any")
    return fill_in(client, page)


def test_an_officer_logs_in_at_the_node_provider_and_out(node_peer: Peer) -> None:
    with browser() as client:
        home = logged_in_at_node(client, client.get(node_peer.login))
        assert (home.status_code, str(home.url)) == (200, f"{node_peer.server.url}/console/"), home.text
        assert "s-7f3a (node-id)" in home.text
        (token,) = re.findall(r'name="form_token" value="([^"]+)"', home.text)
        left = client.post(
            f"{node_peer.server.url}/console/logout",
            data={"form_token": token},
            headers={"Origin": node_peer.server.url},
        )
        assert f"{node_peer.url}/session/end" in left.text
        assert "onenet-login" not in client.cookies


def test_a_departments_system_comes_in_with_client_credentials(node_peer: Peer) -> None:
    answer = httpx2.post(
        f"{node_peer.url}/token",
        data={"grant_type": "client_credentials"},
        auth=("health-system", "s3"),
        trust_env=False,
    )
    token = answer.raise_for_status().json()["access_token"]
    header = json.loads(base64.urlsafe_b64decode(token.partition(".")[0] + "=="))
    assert (header["typ"], header["alg"]) == ("at+jwt", "RS256")
    assert ask(node_peer, token).status_code == 200


def test_an_access_token_of_the_code_flow_comes_in_and_its_id_token_does_not(node_peer: Peer) -> None:
    verifier = secrets.token_urlsafe(32)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    redirect = f"{node_peer.server.url}/console/callback"
    asked = {
        "client_id": "console", "response_type": "code", "scope": "openid", "redirect_uri": redirect,
        "code_challenge": challenge, "code_challenge_method": "S256", "state": "s", "nonce": "n",
    }  # fmt: skip
    with browser() as client:
        end = logged_in_at_node(client, client.get(f"{node_peer.url}/auth", params=asked))
        code = dict(parse_qsl(urlsplit(str(end.url)).query))["code"]  # no log-in of the console is under way
    answer = httpx2.post(
        f"{node_peer.url}/token",
        data={
            "grant_type": "authorization_code", "code": code, "redirect_uri": redirect,
            "code_verifier": verifier,
        },
        auth=("console", "s3"),
        trust_env=False,
    )  # fmt: skip
    tokens = answer.raise_for_status().json()
    assert ask(node_peer, tokens["access_token"]).status_code == 200
    assert ask(node_peer, tokens["id_token"]).status_code == 401
    assert failures(node_peer)[-1]["reason"] == "type"
