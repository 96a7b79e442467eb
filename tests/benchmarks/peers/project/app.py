"""The same answer from FastAPI: `app` for uvicorn, `handler` the same app behind Mangum, for Lambda."""

import time

from fastapi import FastAPI, Response
from mangum import Mangum

app = FastAPI()


@app.get("/app")
async def ok() -> dict[str, bool]:
    return {"ok": True}


@app.get("/slow", status_code=204)
async def slow(ms: int, response: Response) -> None:
    """As the plain handler of that name."""
    began = time.perf_counter()
    time.sleep(ms / 1000)  # noqa: ASYNC251  # the work itself; there is one client
    response.headers["x-own-time"] = f"{time.perf_counter() - began:.6f}"


handler = Mangum(app, lifespan="off")
