"""Django's own connections: kept for a while (CONN_MAX_AGE) or opened for each request."""

import json
import os

from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.db import connection
from django.http import HttpResponse
from django.urls import path
from opening import Connection

settings.configure(
    ROOT_URLCONF=__name__,
    SECRET_KEY="only for tests",
    ALLOWED_HOSTS=["*"],
    DATABASES={
        "default": {
            "ENGINE": "django.db.backends.sqlite3",
            "NAME": os.environ["FILE"],
            "OPTIONS": {"factory": Connection} if "OPENING_MS" in os.environ else {},
            "CONN_MAX_AGE": 60 if os.environ.get("POOL") == "1" else 0,
        }
    },
)


def listed(request) -> HttpResponse:
    with connection.cursor() as cursor:
        cursor.execute("SELECT id, name FROM item WHERE kind = %s LIMIT 50", [3])
        return HttpResponse(json.dumps(cursor.fetchall()), content_type="application/json")


urlpatterns = [path("rows", listed), path("health", lambda request: HttpResponse("ok"))]
application = get_wsgi_application()
