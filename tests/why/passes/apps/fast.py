"""The same rows behind uvicorn's workers."""

import rows
from fastapi import FastAPI, Response

app = FastAPI()


@app.get("/health")
async def health() -> str:
    return "ok"


@app.get("/rows")
def listed(limit: int = 50) -> Response:
    return Response(rows.page(limit), media_type="application/json")
