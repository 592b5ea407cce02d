"""A bare FastAPI application with onenet's models: validates a submission, answers with a constant case."""

from __future__ import annotations

import asyncio
import socket
import sys
from pathlib import Path

import uvicorn
from fastapi import FastAPI

from onenet.api.case_shapes import CaseShape, CaseSubmission

app = FastAPI()
case = CaseShape.model_validate_json(Path(sys.argv[1]).read_bytes())


@app.post("/v1/cases", status_code=202)
async def submit(body: CaseSubmission) -> dict[str, str]:
    return {"state": "received"}


@app.get("/v1/cases/{case_id}", response_model=CaseShape)
async def read(case_id: str) -> CaseShape:
    return case


class Server(uvicorn.Server):
    """Says where it listens, as onenet's does."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        for server in self.servers:
            print(f"bare listens on http://127.0.0.1:{server.sockets[0].getsockname()[1]}", flush=True)


if __name__ == "__main__":
    config = uvicorn.Config(app, host="127.0.0.1", port=0, log_level="warning", server_header=False)
    asyncio.run(Server(config).serve())
