"""How errors are answered: as problems of RFC 9457 with a documented code, or in as many shapes as authors."""

from __future__ import annotations

import traceback
from http import HTTPStatus
from typing import Any, Literal

from fastapi import FastAPI, Request
from fastapi.encoders import jsonable_encoder
from fastapi.exceptions import RequestValidationError
from fastapi.openapi.utils import get_openapi
from fastapi.responses import HTMLResponse, JSONResponse, PlainTextResponse, Response
from pydantic import BaseModel, Field
from sqlalchemy.exc import SQLAlchemyError
from starlette.exceptions import HTTPException

Code = Literal[
    "unauthorized", "not_found", "method_not_allowed", "invalid_request", "too_many_requests", "unavailable", "internal"
]
CODES: dict[int, Code] = {
    401: "unauthorized",
    404: "not_found",
    405: "method_not_allowed",
    422: "invalid_request",
    429: "too_many_requests",
    500: "internal",
    503: "unavailable",
}
_DETAILS = {
    404: "There is nothing at this address.",
    405: "This address does not take this method.",
}
_VERBS = ("get", "post", "put", "patch", "delete")


class Problem(BaseModel):
    """What every error looks like (RFC 9457)."""

    type: str = Field(default="about:blank", description="What kind of problem it is")
    title: str = Field(description="The kind in a few words")
    status: int = Field(description="The status of the response")
    detail: str = Field(description="What happened and what to do, for people")
    code: Code = Field(description="The kind, for programs")


def answer_problems(app: FastAPI) -> None:
    """Answer every error as a problem, and say so in the document."""

    async def of_http(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for these alone
        plain = error.detail == HTTPStatus(error.status_code).phrase
        return problem(error.status_code, _DETAILS.get(error.status_code) if plain else error.detail, error.headers)

    async def of_validation(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for these alone
        first = error.errors()[0]
        where = " ".join(str(part) for part in first["loc"])
        return problem(422, f"The request is not valid: {where}: {first['msg'].lower()}.")

    async def too_large(_request: Request, _error: Exception) -> Response:
        return problem(422, "The request is not valid: a number is larger than any that is kept here.")

    async def of_database(_request: Request, _error: Exception) -> Response:
        return problem(500, "Something went wrong here. Please try again later.")

    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_validation)
    app.add_exception_handler(OverflowError, too_large)
    app.add_exception_handler(SQLAlchemyError, of_database)
    document(app)


def problem(status: int, detail: str | None, headers: Any = None) -> Response:
    """Return a problem as a response."""
    found = Problem(
        title=HTTPStatus(status).phrase,
        status=status,
        detail=detail or f"{HTTPStatus(status).phrase}: please look at your request again.",
        code=CODES.get(status, "invalid_request"),
    )
    return JSONResponse(found.model_dump(), status, headers, "application/problem+json")


def document(app: FastAPI) -> None:
    """Have the document list the problems that every operation may answer with."""

    def openapi() -> dict[str, Any]:
        if app.openapi_schema is None:
            made = get_openapi(title=app.title, version=app.version, description=app.description, routes=app.routes)
            made.setdefault("components", {}).setdefault("schemas", {})["Problem"] = Problem.model_json_schema()
            content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
            for item in made["paths"].values():
                for operation in (item[verb] for verb in _VERBS if verb in item):
                    operation["responses"] |= {
                        str(status): {"description": HTTPStatus(status).phrase, "content": content} for status in CODES
                    }
            app.openapi_schema = made
        return app.openapi_schema

    app.openapi = openapi  # type: ignore[method-assign]


def answer_anyhow(app: FastAPI) -> None:
    """Answer errors as they were written over the years."""

    async def of_http(_request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)  # noqa: S101 - registered for these alone
        if error.status_code == 401:
            return PlainTextResponse("ERR-401", 401, error.headers)
        return JSONResponse({"error": f"E{error.status_code}"}, error.status_code, error.headers)

    async def of_validation(_request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)  # noqa: S101 - registered for these alone
        return JSONResponse({"detail": jsonable_encoder(error.errors())}, 422)

    async def of_anything(_request: Request, error: Exception) -> Response:
        told = "".join(traceback.format_exception(error))
        return HTMLResponse(f"<h1>Internal Server Error</h1><pre>{told}</pre>", 500)

    app.add_exception_handler(HTTPException, of_http)
    app.add_exception_handler(RequestValidationError, of_validation)
    app.add_exception_handler(OverflowError, of_anything)
    app.add_exception_handler(SQLAlchemyError, of_anything)
