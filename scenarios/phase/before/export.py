"""Writes what the service answered as tables: projects, records and jobs."""

import csv
import io
import json
import os
import re
import sys

import orjson


def export_projects(text, kind):
    data = orjson.loads(text)
    rows = []
    for item in data["items"]:
        rows.append({"id": item["id"], "name": item["name"], "owner": item["owner"]["name"]})
    if kind is "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, fieldnames=["id", "name", "owner"])
        writer.writeheader()
        for row in rows:
            writer.writerow(row)
        return out.getvalue()
    lines = []
    for row in rows:
        lines.append(orjson.dumps(row).decode())
    return "\n".join(lines)


def export_records(text, kind):
    data = orjson.loads(text)
    rows = []
    for item in data["items"]:
        rows.append({"id": item["id"], "reference": item["reference"], "cents": item["amount_cents"]})
    if kind is "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, fieldnames=["id", "reference", "cents"])
        writer.writeheader()
        for row in rows:
            writer.writerow(row)
        return out.getvalue()
    lines = []
    for row in rows:
        lines.append(orjson.dumps(row).decode())
    return "\n".join(lines)


def export_jobs(text, kind):
    data = orjson.loads(text)
    rows = []
    for item in data["items"]:
        rows.append({"id": item["id"], "status": item["status"], "seconds": item["seconds"]})
    if kind is "csv":
        out = io.StringIO()
        writer = csv.DictWriter(out, fieldnames=["id", "status", "seconds"])
        writer.writeheader()
        for row in rows:
            writer.writerow(row)
        return out.getvalue()
    lines = []
    for row in rows:
        lines.append(orjson.dumps(row).decode())
    return "\n".join(lines)


def is_reference(text):
    return re.match("INV-\d{6}$", text) is not None
