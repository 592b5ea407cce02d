"""Routes: a request that brings no parameters goes straight to its endpoint, past nobody who guards it."""

from __future__ import annotations

from typing import Annotated, Any

import httpx2
import pytest
from fastapi import Depends, FastAPI, Request, Response

from onenet.api.routes import StraightRoute
from onenet.errors import Forbidden

pytestmark = pytest.mark.anyio


async def read_word(request: Request) -> str:
    return (await request.body()).decode()


async def refuse(request: Request) -> None:
    raise Forbidden


async def refuse_by_need(request: Request, word: Annotated[str, Depends(read_word)]) -> None:
    raise Forbidden


async def echo(request: Request, word: Annotated[str, Depends(read_word)]) -> Response:
    return Response(word)


async def post(path: str, guard: Any = None) -> httpx2.Response:
    app = FastAPI()
    dependencies = [Depends(guard)] if guard else []
    app.router.add_api_route(
        path, echo, methods=["POST"], dependencies=dependencies, route_class_override=StraightRoute
    )
    app.add_exception_handler(Forbidden, lambda request, error: Response(status_code=403))
    async with httpx2.AsyncClient(transport=httpx2.ASGITransport(app), base_url="http://onenet") as client:
        return await client.post(path.replace("{id}", "1"), content="hello")


async def test_an_endpoint_gets_what_its_dependencies_found() -> None:
    assert (await post("/words")).text == "hello"


async def test_a_guard_is_asked_first() -> None:
    assert (await post("/words", refuse)).status_code == 403


async def test_a_guard_with_needs_of_its_own_is_asked_too() -> None:
    assert (await post("/words", refuse_by_need)).status_code == 403


async def test_a_route_with_parameters_is_led_by_the_framework() -> None:
    assert (await post("/words/{id}", refuse)).status_code == 403
