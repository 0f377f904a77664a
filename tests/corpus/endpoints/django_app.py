"""The corpus on Django: its ORM in many habits."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

import data
import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import JsonResponse
from django.urls import path

_parts = urlsplit(data.DSN)
_database = (
    {
        "ENGINE": "django.db.backends.postgresql", "NAME": _parts.path[1:], "USER": _parts.username,
        "PASSWORD": _parts.password, "HOST": _parts.hostname, "PORT": _parts.port, "CONN_MAX_AGE": 60,
    }
    if data.POSTGRES
    else {"ENGINE": "django.db.backends.sqlite3", "NAME": data.FILE}
)  # fmt: skip
settings.configure(
    DATABASES={"default": _database}, ROOT_URLCONF=__name__, ALLOWED_HOSTS=["*"], SECRET_KEY="corpus", DEBUG=False
)
django.setup()

from django.db import models  # noqa: E402 - only after the settings
from django.db.models import Count  # noqa: E402


class Author(models.Model):
    name = models.TextField()

    class Meta:
        app_label, db_table, managed = "corpus", "authors", False


class Article(models.Model):
    title = models.TextField()
    body = models.TextField()
    author = models.ForeignKey(Author, models.CASCADE)

    class Meta:
        app_label, db_table, managed = "corpus", "articles", False


class Comment(models.Model):
    body = models.TextField()
    article = models.ForeignKey(Article, models.CASCADE, related_name="comments")

    class Meta:
        app_label, db_table, managed = "corpus", "comments", False


def listing(make: Any) -> Any:
    """Return a view that lists what ``make`` makes of a limit."""
    return lambda request: JsonResponse({"items": make(int(request.GET.get("limit", 10)))})


def some(limit: int) -> Any:
    return Article.objects.order_by("id")[:limit]


VIEWS = {
    "fk": lambda n: [{"id": a.id, "author": a.author.name} for a in some(n)],
    "reverse": lambda n: [{"id": a.id, "comments": [c.body for c in a.comments.all()]} for a in some(n)],
    "count": lambda n: [{"id": a.id, "comments": a.comments.count()} for a in some(n)],
    "exists": lambda n: [{"id": a.id, "any": a.comments.exists()} for a in some(n)],
    "only": lambda n: [{"id": a.id, "body": a.body} for a in Article.objects.only("id").order_by("id")[:n]],
    "prefetch-filtered": lambda n: [
        {"id": a.id, "some": a.comments.filter(id__gt=5).count()}
        for a in Article.objects.prefetch_related("comments").order_by("id")[:n]
    ],
    "select-related": lambda n: [
        {"id": a.id, "author": a.author.name} for a in Article.objects.select_related("author").order_by("id")[:n]
    ],
    "prefetch": lambda n: [
        {"id": a.id, "comments": len(a.comments.all())}
        for a in Article.objects.prefetch_related("comments").order_by("id")[:n]
    ],
    "annotated": lambda n: list(
        Comment.objects.filter(article_id__lte=n).values("article_id").annotate(n=Count("id")).order_by("article_id")
    ),
    "in-bulk": lambda n: [{"id": i} for i in Article.objects.in_bulk(list(range(1, n + 1)))],
    "values": lambda n: list(Article.objects.order_by("id").values("id", "author__name")[:n]),
}
urlpatterns = [path("", lambda request: JsonResponse({"status": "ok"}))]
urlpatterns += [path(name, listing(make)) for name, make in VIEWS.items()]
app = get_wsgi_application()
