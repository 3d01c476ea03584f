"""A body over the limit of its address is refused with that limit, whether its length was announced or not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest
from fastapi import FastAPI, Request, UploadFile
from starlette.responses import Response

from gateway.body_limit import BodyLimit
from gateway.problems import install_problems

USUAL, FILES = 1_000, 50_000


@pytest.fixture(scope="module")
def app() -> FastAPI:
    app = FastAPI()

    @app.post("/notes")
    async def notes(request: Request) -> int:
        return len(await request.body())

    @app.post("/cases/{case}/files")
    def files(case: str, file: UploadFile) -> int:
        return len(file.file.read())

    app.add_middleware(BodyLimit, most=USUAL, larger=[(r"/cases/[^/]+/files", FILES)])
    install_problems(
        app,
        unknown_page=lambda request: Response(status_code=404),
        problem_page=lambda request, status, detail, headers: Response(detail, status),
    )
    return app


def form(size: int) -> bytes:
    head = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n'
    return head + b"z" * size + b"\r\n--x--\r\n"


async def posted(app: FastAPI, address: str, body: bytes, *, announced: bool) -> httpx.Response:
    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(body), 500):
            yield body[start : start + 500]

    headers = {"Content-Type": "multipart/form-data; boundary=x"}
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://gateway") as client:
        return await client.post(address, content=body if announced else chunks(), headers=headers)


@pytest.mark.parametrize("announced", [True, False])
@pytest.mark.parametrize(("address", "limit"), [("/notes", USUAL), ("/cases/1/files", FILES)])
def test_the_limit_named_is_that_of_the_address(app: FastAPI, address: str, limit: int, announced: bool) -> None:
    fits = asyncio.run(posted(app, address, form(limit - 200), announced=announced))
    assert fits.status_code == 200, fits.text
    answer = asyncio.run(posted(app, address, form(limit + 1), announced=announced))
    assert (answer.status_code, answer.headers["content-type"]) == (413, "application/problem+json")
    assert f"larger than {limit:,} bytes" in answer.json()["detail"]
