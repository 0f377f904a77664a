"""The shop in the frameworks that the agent hooks."""

import asyncio
import functools

import lite


def make_starlette():
    from starlette.applications import Starlette
    from starlette.background import BackgroundTask
    from starlette.responses import PlainTextResponse
    from starlette.routing import Route

    async def endpoint(request):
        served = await asyncio.to_thread(lite.orders, int(request.query_params.get("n", 3)))
        return PlainTextResponse(str(served), background=BackgroundTask(lite.orders, 1))

    return Starlette(routes=[Route("/orders", endpoint)])


def make_fastapi():
    from fastapi import FastAPI

    app = FastAPI()

    @app.get("/orders")
    def endpoint(n: int = 3, pause: float = 0.0) -> int:
        return lite.orders(n, pause)

    @app.get("/starts-a-timer")
    async def timer() -> str:
        async def run():
            while True:
                lite.orders(0)
                await asyncio.sleep(0.003)

        app.state.task = asyncio.create_task(run())
        await asyncio.sleep(0.05)
        return "started"

    return app


def make_flask():
    from flask import Flask, request

    app = Flask(__name__)

    @app.get("/orders")
    def endpoint():
        return str(lite.orders(int(request.args.get("n", 3)), float(request.args.get("pause", 0))))

    return app


@functools.cache
def make_django():
    import django
    from django.conf import settings
    from django.core.asgi import get_asgi_application
    from django.core.wsgi import get_wsgi_application
    from django.http import HttpResponse
    from django.urls import path

    engine = {"ENGINE": "django.db.backends.sqlite3", "NAME": lite.FILE}
    settings.configure(DEBUG=False, ALLOWED_HOSTS=["*"], DATABASES={"default": engine}, ROOT_URLCONF=__name__)
    django.setup()
    from django.db import connection, models

    class Customer(models.Model):
        name = models.TextField()

        class Meta:
            app_label = "shop"
            db_table = "customers"

    class Order(models.Model):
        customer = models.ForeignKey(Customer, models.CASCADE, db_column="customer")

        class Meta:
            app_label = "shop"
            db_table = "orders"

    def endpoint(request):
        found = list(Order.objects.all()[: int(request.GET.get("n", 3))])
        names = [order.customer.name for order in found]
        connection.close()
        return HttpResponse(str(len(names)))

    globals()["urlpatterns"] = [path("orders", endpoint)]
    return get_wsgi_application, get_asgi_application


def __getattr__(name):
    made = {"starlette_app": make_starlette, "fastapi_app": make_fastapi, "flask_app": make_flask}
    if name in made:
        return made[name]()
    if name in ("django_wsgi", "django_asgi"):
        return make_django()[name == "django_asgi"]()
    raise AttributeError(name)
