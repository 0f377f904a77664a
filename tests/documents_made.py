"""Documents in the shapes that public ones have, made for these tests."""

from __future__ import annotations

import json
from typing import Any

PETS = """\
swagger: '2.0'
info: {title: Pet shop, version: 1.0.0}
host: petstore.example.com
basePath: /v2
securityDefinitions:
  api_key: {type: apiKey, name: X-Api-Key, in: header}
paths:
  /pets:
    get:
      summary: List Pets
      produces: [application/json]
      parameters:
        - {name: limit, in: query, type: integer, maximum: 30, default: 10}
        - {name: status, in: query, type: array, required: true, items: {type: string, enum: [sold, free]}}
        - $ref: '#/parameters/Trace'
      responses:
        200: {description: ok, schema: {type: array, items: {$ref: '#/definitions/Pet'}}}
    post:
      parameters:
        - {name: body, in: body, schema: {$ref: '#/definitions/Pet'}}
      responses: {201: {description: made}}
  /pets/{petId}:
    parameters:
      - {name: petId, in: path, required: true, type: integer, format: int64}
    get:
      responses: {200: {description: ok}}
  /pets/{petId}/photo:
    post:
      consumes: [multipart/form-data]
      parameters:
        - {name: file, in: formData, type: file}
      responses: {200: {description: ok}}
parameters:
  Trace: {name: X-Trace, in: header, type: string, required: true, default: abc}
definitions:
  Pet:
    type: object
    required: [name, born]
    properties:
      id: {type: integer, readOnly: true}
      name: {type: string, example: Rex}
      born: {type: string, format: date, example: 2020-02-29}
      mother: {$ref: '#/definitions/Pet'}
"""

SHOP: dict[str, Any] = {
    "openapi": "3.1.0",
    "info": {"title": "Shop", "version": "3"},
    "servers": [{"url": "https://shop.example.com/{stage}/api", "variables": {"stage": {"default": "live"}}}],
    "security": [{"bearer": []}],
    "components": {
        "securitySchemes": {"bearer": {"type": "http", "scheme": "bearer"}},
        "parameters": {
            "Page": {"name": "per_page", "in": "query", "schema": {"type": ["integer", "null"], "maximum": 5}}
        },
        "schemas": {
            "Node": {
                "type": "object",
                "required": ["name", "children"],
                "properties": {
                    "name": {"type": "string", "minLength": 3},
                    "children": {"type": "array", "items": {"$ref": "#/components/schemas/Node"}},
                    "parent": {"anyOf": [{"$ref": "#/components/schemas/Node"}, {"type": "null"}]},
                },
            },
            "Login": {
                "type": "object",
                "required": ["email", "password"],
                "properties": {
                    "email": {"type": "string", "example": "a@example.com"},
                    "password": {"type": "string"},
                },
            },
        },
    },
    "paths": {
        "/healthz": {"get": {"security": [], "responses": {"200": {"description": "ok"}}}},
        "/auth/login": {
            "post": {
                "security": [],
                "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Login"}}}},
                "responses": {"200": {"description": "a token"}},
            }
        },
        "/auth/logout": {"get": {"responses": {"200": {"description": "out"}}}},
        "/nodes": {
            "get": {
                "summary": "List nodes",
                "parameters": [{"$ref": "#/components/parameters/Page"}],
                "responses": {"200": {"content": {"application/json": {}}}},
            },
            "post": {
                "requestBody": {
                    "required": True,
                    "content": {"application/json": {"schema": {"$ref": "#/components/schemas/Node"}}},
                },
                "responses": {"201": {"description": "made"}},
            },
        },
        "/nodes/{node-id}": {
            "get": {
                "parameters": [
                    {"name": "node-id", "in": "path", "required": True, "schema": {"type": "string"}, "example": "root"}
                ],
                "responses": {"200": {"description": "ok"}},
            }
        },
        "/events": {"get": {"responses": {"200": {"content": {"text/event-stream": {}}}}}},
        "/old": {"get": {"deprecated": True, "responses": {"200": {"description": "ok"}}}},
        "/broken": {"get": {"parameters": [{"$ref": "#/components/parameters/Gone"}], "responses": {}}},
    },
}


def shop() -> str:
    return json.dumps(SHOP, indent=2)


def large(operations: int) -> dict[str, Any]:
    """Return a document of so many operations whose schemas all refer to each other in circles."""
    schemas: dict[str, Any] = {}
    for number in range(operations // 4):
        others = [(number * 7 + step) % (operations // 4) for step in range(1, 6)]
        schemas[f"Thing{number}"] = {
            "type": "object",
            "required": [f"other{step}" for step in range(5)],
            "properties": {
                "id": {"type": "integer", "description": "what tells one from another " * 4},
                **{f"other{step}": {"$ref": f"#/components/schemas/Thing{other}"} for step, other in enumerate(others)},
            },
        }
    paths: dict[str, Any] = {}
    for number in range(operations // 2):
        schema = {"$ref": f"#/components/schemas/Thing{number // 2}"}
        content = {"application/json": {"schema": schema}}
        paths[f"/things{number}/{{id}}"] = {
            "parameters": [{"name": "id", "in": "path", "required": True, "schema": {"type": "integer"}}],
            "get": {"operationId": f"get{number}", "responses": {"200": {"description": "x", "content": content}}},
            "put": {
                "operationId": f"put{number}",
                "requestBody": {"required": True, "content": content},
                "responses": {"200": {"description": "x", "content": content}},
            },
        }
    return {
        "openapi": "3.0.3",
        "info": {"title": "L", "version": "1"},
        "paths": paths,
        "components": {"schemas": schemas},
    }
