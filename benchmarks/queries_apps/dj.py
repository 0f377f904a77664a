"""Django with psycopg or mysqlclient: a list and, per row, one lazy query inside a transaction."""

import os
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

parts = urlsplit(os.environ["DATABASE"])
DATABASE = {
    "ENGINE": f"django.db.backends.{'mysql' if parts.scheme == 'mysql' else 'postgresql'}",
    "NAME": parts.path[1:],
    "USER": parts.username,
    "PASSWORD": parts.password,
    "HOST": parts.hostname,
    "PORT": parts.port,
    "CONN_MAX_AGE": 600,
    "ATOMIC_REQUESTS": True,
}
settings.configure(DEBUG=False, ALLOWED_HOSTS=["*"], DATABASES={"default": DATABASE}, ROOT_URLCONF=__name__)
django.setup()

from django.db import connection, models  # noqa: E402


class Relation(models.Model):  # noqa: D101 - a table
    id = models.IntegerField(primary_key=True)
    name = models.CharField(max_length=64)

    class Meta:  # noqa: D106 - Django's
        app_label = "bench"
        managed = False
        db_table = "relations"


def view(request):
    number = int(request.GET["n"])
    with connection.cursor() as cursor:
        cursor.execute("SELECT id FROM relations LIMIT %s", [number])
        cursor.fetchall()
    for i in range(number):
        Relation.objects.filter(id=i).first()
    return HttpResponse(str(1 + number))


urlpatterns = [path("", view)]
wsgi = get_wsgi_application()
