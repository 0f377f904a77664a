"""Django, under a WSGI or an ASGI server."""

from busy import respond
from django.conf import settings
from django.core.asgi import get_asgi_application
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse
from django.urls import path

settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="only for tests", ALLOWED_HOSTS=["*"])


def one(request) -> HttpResponse:
    return HttpResponse(respond())


urlpatterns = [path("one", one), path("health", lambda request: HttpResponse("ok"))]
wsgi = get_wsgi_application()
asgi = get_asgi_application()
