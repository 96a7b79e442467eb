"""The same answer from FastAPI: `app` for uvicorn, `handler` the same app behind Mangum, for Lambda."""

from fastapi import FastAPI
from mangum import Mangum

app = FastAPI()


@app.get("/app")
async def ok() -> dict[str, bool]:
    return {"ok": True}


handler = Mangum(app, lifespan="off")
