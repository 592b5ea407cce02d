"""Who installed the wheel has all that a checkout has: command, migrations, catalogue, pages.

The wheel goes into an environment of its own. Its dependencies come from the environment that runs the tests,
so that nothing is fetched; onenet itself must come from the wheel.
"""

import json
import os
import socket
import subprocess
import sys
import sysconfig
import time
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.keys import KEK

ROOT = Path(__file__).resolve().parent.parent
START_LIMIT_S = 60.0
STOP_LIMIT_S = 20.0
COMMAND = ("-c", "from onenet.cli import main; main()")

# One worker builds and installs for all of these.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("wheel")]


@dataclass(frozen=True)
class Installed:
    """An environment into which the wheel was installed, and a folder to run it in."""

    python: Path
    site: Path
    folder: Path

    def environment(self, **settings: str) -> dict[str, str]:
        """Variables for a process of it; nothing of this process's own onenet settings or path gets in."""
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("ONENET_", "PYTHON", "COVERAGE"))}
        return kept | {"ONENET_DATA_DIR": str(self.folder / "data"), "ONENET_KEK": KEK} | settings

    def run(self, *words: str) -> str:
        done = subprocess.run(
            [self.python, *words],
            cwd=self.folder,
            env=self.environment(),
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("dist")
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    done = subprocess.run(build, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return next(folder.glob("onenet-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """The wheel, unpacked as an installer does, beside the dependencies of the running environment.

    A `.pth` file names the folder of those. Python reads no further `.pth` files there, and so the editable
    onenet of the running environment, which is one, stays out of sight.
    """
    folder = tmp_path_factory.mktemp("installed")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    python = folder / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    site = Path(
        subprocess.check_output(
            [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"], text=True
        ).strip()
    )
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site)
    own = dict.fromkeys(sysconfig.get_path(name) for name in ("purelib", "platlib"))
    (site / "dependencies.pth").write_text("".join(f"{path}\n" for path in own))
    return Installed(python, site, folder)


def names_in(wheel: Path) -> list[str]:
    with zipfile.ZipFile(wheel) as archive:
        return archive.namelist()


def test_the_wheel_holds_migrations_catalogue_and_pages(wheel: Path) -> None:
    names = names_in(wheel)
    for folder, ending in {
        "onenet/migrations/versions/": ".py",
        "onenet/catalogue_examples/": ".yaml",
        "onenet/description_examples/": ".yaml",
        "onenet/console/": ".html",
    }.items():
        assert any(n.startswith(folder) and n.endswith(ending) for n in names), (
            f"no {ending} file below {folder}"
        )
    assert {"onenet/py.typed", "onenet/migrations/env.py"} <= set(names)


def test_the_wheel_holds_nothing_but_the_package(wheel: Path) -> None:
    names = names_in(wheel)
    assert [n for n in names if n.split("/")[0] not in ("onenet", "onenet-0.1.0.dist-info")] == []
    assert [n for n in names if "__pycache__" in n or n.endswith((".pyc", ".db", ".env"))] == []


def test_resources_come_from_the_wheel(installed: Installed) -> None:
    found = installed.run(
        "-c",
        "import json, onenet, onenet.resources as r;"
        "print(json.dumps([onenet.__file__, str(r.migrations_dir()), str(r.example_catalogue_dir())]))",
    )
    for path in json.loads(found):
        assert Path(path).resolve().is_relative_to(installed.site.resolve())


def test_the_wheel_declares_its_adapters(installed: Installed) -> None:
    found = installed.run(
        "-c",
        "from importlib.metadata import distribution;"
        "print(*sorted(e.name for e in distribution('onenet').entry_points if e.group == 'onenet.adapters'))",
    )
    assert {"simulated", "webhook"} <= set(found.split())


def test_an_installed_server_migrates_and_becomes_ready(installed: Installed) -> None:
    port = free_port()
    installed.run(*COMMAND, "db", "upgrade")
    with served(installed, port) as (process, log):
        wait_until_ready(f"http://127.0.0.1:{port}/health/ready", process, log)


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def served(installed: Installed, port: int) -> Iterator[tuple[subprocess.Popen[bytes], Path]]:
    """A server of the wheel, with what it printed; stopped in the end."""
    log = installed.folder / "serve.log"
    settings = installed.environment(
        ONENET_HOST="127.0.0.1", ONENET_PORT=str(port), ONENET_PUBLIC_URL=f"http://127.0.0.1:{port}"
    )
    words: list[str | Path] = [installed.python, *COMMAND, "serve"]
    with log.open("wb") as output:
        process = subprocess.Popen(words, cwd=installed.folder, env=settings, stdout=output, stderr=output)
        try:
            yield process, log
        finally:
            process.terminate()
            try:
                process.wait(timeout=STOP_LIMIT_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def wait_until_ready(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + START_LIMIT_S
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=2) as answer:  # noqa: S310 - our own address
                assert answer.status == 200
                return
        except OSError:  # nobody listens yet, or the answer is not 2xx
            time.sleep(0.1)
    pytest.fail(f"the server did not become ready:\n{log.read_text(errors='replace')}")
