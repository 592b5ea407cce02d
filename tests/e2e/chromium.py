"""Chromium, driven over its own protocol: pages are loaded, clicked and typed into, without scripts."""

from __future__ import annotations

import asyncio
import itertools
import shutil
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp  # noqa: TID251  # the one client here that speaks WebSocket

FOUND = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
START_LIMIT_S, LOAD_LIMIT_S = 30.0, 20.0
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run",
    "--disable-background-networking", "--remote-debugging-port=0", "--force-prefers-reduced-motion",
)  # fmt: skip


class Browser:
    """One page. `complaints`: what the browser had to say about it, as breaches of the policy."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse):
        self._socket = socket
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[dict[str, Any]]] = {}
        self._loaded = asyncio.Event()
        self.complaints: list[str] = []

    async def listen(self) -> None:
        """Takes what the browser says, until it is told to stop."""
        async for message in self._socket:
            said = message.json()
            if "id" in said:
                self._waiting.pop(said["id"]).set_result(said)
            elif said["method"] == "Page.loadEventFired":
                self._loaded.set()
            elif said["method"] == "Log.entryAdded":
                self.complaints.append(said["params"]["entry"]["text"])

    async def ask(self, method: str, **params: Any) -> dict[str, Any]:
        """The answer to a command."""
        number = next(self._numbers)
        self._waiting[number] = asyncio.get_running_loop().create_future()
        await self._socket.send_json({"id": number, "method": method, "params": params})
        said = await asyncio.wait_for(self._waiting[number], LOAD_LIMIT_S)
        assert "error" not in said, said
        found: dict[str, Any] = said["result"]
        return found

    async def value(self, expression: str) -> Any:
        """What the page says to this question: the protocol's, which no switch and no policy keeps out."""
        said = await self.ask("Runtime.evaluate", expression=expression, returnByValue=True)
        assert "exceptionDetails" not in said, said
        return said["result"].get("value")

    async def go(self, url: str) -> None:
        """Loads an address, as if it had been typed."""
        self._loaded.clear()
        await self.ask("Page.navigate", url=url)
        await asyncio.wait_for(self._loaded.wait(), LOAD_LIMIT_S)

    async def click(self, selector: str) -> None:
        """Clicks, and waits for the page that comes of it."""
        self._loaded.clear()
        await self.value(f"document.querySelector({selector!r}).click()")
        await asyncio.wait_for(self._loaded.wait(), LOAD_LIMIT_S)

    async def unfold(self, selector: str) -> None:
        """Opens what is folded up."""
        await self.value(f"document.querySelector({selector!r}).open = true")

    async def type(self, selector: str, text: str) -> None:
        """Writes into a field, key by key as far as the page can tell."""
        await self.value(f"document.querySelector({selector!r}).focus()")
        await self.ask("Input.insertText", text=text)

    async def url(self) -> str:
        """Where it is, also where there is no page."""
        history = await self.ask("Page.getNavigationHistory")
        return str(history["entries"][history["currentIndex"]]["url"])

    async def text(self) -> str:
        """What stands on the page."""
        return str(await self.value("document.querySelector('main').innerText"))

    async def without_a_name(self) -> list[str]:
        """Controls that a screen reader could not call anything."""
        tree = await self.ask("Accessibility.getFullAXTree")
        roles = {"textbox", "button", "link", "combobox", "Date", "DisclosureTriangle"}
        return [
            node["role"]["value"]
            for node in tree["nodes"]
            if not node["ignored"] and node["role"]["value"] in roles and not node["name"]["value"]
        ]


@asynccontextmanager
async def browsing(width: int = 390) -> AsyncIterator[Browser]:
    """A browser as narrow as a telephone, without scripts."""
    assert FOUND is not None
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        process = await asyncio.create_subprocess_exec(
            FOUND, *FLAGS, f"--user-data-dir={folder}", "about:blank",
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        try:
            port = await _port(Path(folder) / "DevToolsActivePort", process)
            async with aiohttp.ClientSession() as session:
                async with session.get(f"http://127.0.0.1:{port}/json/list") as answer:
                    page = next(each for each in await answer.json() if each["type"] == "page")
                async with session.ws_connect(page["webSocketDebuggerUrl"], max_msg_size=0) as socket:
                    browser = Browser(socket)
                    listening = asyncio.create_task(browser.listen())
                    for domain in ("Page", "Log", "Accessibility"):
                        await browser.ask(f"{domain}.enable")
                    size = {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False}
                    await browser.ask("Emulation.setDeviceMetricsOverride", **size)
                    await browser.ask("Emulation.setScriptExecutionDisabled", value=True)
                    yield browser
                    listening.cancel()
        finally:
            process.kill()
            await process.wait()


async def _port(file: Path, process: asyncio.subprocess.Process) -> int:
    """Where it listens, as soon as it has written that down."""
    async with asyncio.timeout(START_LIMIT_S):
        while not (said := _read(file)):
            assert process.returncode is None, "the browser ended by itself"
            await asyncio.sleep(0.05)
    return int(said.splitlines()[0])


def _read(file: Path) -> str:
    return file.read_text() if file.exists() else ""
