"""Writes what the service answered as tables: projects, records and jobs."""

import csv
import io
import re

import orjson

COLUMNS = {
    "projects": {"id": ("id",), "name": ("name",), "owner": ("owner", "name")},
    "records": {"id": ("id",), "reference": ("reference",), "cents": ("amount_cents",)},
    "jobs": {"id": ("id",), "status": ("status",), "seconds": ("seconds",)},
}


def export(text, what, kind):
    rows = [
        {name: value(item, path) for name, path in COLUMNS[what].items()}
        for item in orjson.loads(text)["items"]
    ]
    return as_csv(rows, list(COLUMNS[what])) if kind == "csv" else as_lines(rows)


def value(item, path):
    for step in path:
        item = item[step]
    return item


def as_csv(rows, names):
    out = io.StringIO()
    writer = csv.DictWriter(out, fieldnames=names)
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def as_lines(rows):
    return "\n".join(orjson.dumps(row).decode() for row in rows)


def is_reference(text):
    return re.match(r"INV-\d{6}$", text) is not None
