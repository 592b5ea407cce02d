"""Clients generated from the contract compile, and submit a case to a running server."""

from __future__ import annotations

import compileall
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from onenet.app import contract
from tests.api.live import Live, live

CLIENTS = Path(__file__).parent / "clients"
NPM_PACKAGES = ("openapi-typescript@7.13.0", "openapi-fetch@0.17.0", "typescript@5.9.3", "@types/node@20")
"""TypeScript stays at 5: the generators do not work with 7 yet."""

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("test_clients"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Live]:
    with live(tmp_path_factory.mktemp("clients")) as started:
        yield started


@pytest.fixture
def contract_file(tmp_path: Path) -> Path:
    file = tmp_path / "openapi.json"
    file.write_text(json.dumps(contract()), encoding="utf-8")
    return file


def run(*words: str | Path, cwd: Path) -> str:
    """Runs a command; what it prints. Fails with all it said when it fails."""
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    done = subprocess.run(
        words, cwd=cwd, capture_output=True, text=True, check=False, env={**os.environ, "PATH": path}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_generated_python_client_compiles_and_submits_a_case(
    server: Live, contract_file: Path, tmp_path: Path
) -> None:
    package = tmp_path / "onenet_client"
    said = run(
        "openapi-python-client", "generate",
        "--path", contract_file, "--output-path", package, "--meta", "none",
        cwd=tmp_path,
    )  # fmt: skip
    assert "WARNING" not in said.upper()
    assert compileall.compile_dir(package, quiet=2)
    script = shutil.copy(CLIENTS / "submit.py", tmp_path)
    assert run(sys.executable, script, server.url, server.frontend, cwd=tmp_path).startswith("320583")


def test_generated_typescript_types_compile_and_submit_a_case(
    server: Live, contract_file: Path, tmp_path: Path
) -> None:
    npm = shutil.which("npm")
    if npm is None or shutil.which("node") is None:
        pytest.skip("node and npm are not installed")
    (tmp_path / "package.json").write_text('{"private": true, "type": "module"}', encoding="utf-8")
    installed = subprocess.run(
        [npm, "install", "--no-audit", "--no-fund", "--silent", *NPM_PACKAGES],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    if installed.returncode:
        pytest.skip("npm cannot install the generators here")
    tools = tmp_path / "node_modules" / ".bin"
    run(tools / "openapi-typescript", contract_file, "-o", tmp_path / "onenet.d.ts", cwd=tmp_path)
    shutil.copy(CLIENTS / "submit.ts", tmp_path)
    options = ["--strict", "--module", "nodenext", "--target", "es2022", "--skipLibCheck", "--types", "node"]
    run(tools / "tsc", *options, "submit.ts", cwd=tmp_path)
    assert run("node", "submit.js", server.url, server.frontend, cwd=tmp_path).startswith("320583")
