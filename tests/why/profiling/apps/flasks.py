"""Flask, under any WSGI server."""

from busy import respond
from flask import Flask

app = Flask(__name__)


@app.get("/health")
def health() -> str:
    return "ok"


@app.get("/one")
def one() -> str:
    return respond()
