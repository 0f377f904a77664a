"""A service that is started in a mode for developing is recognised by how it is started."""

from __future__ import annotations

import pytest

from perfproof.core.debug_mode import debug_modes


@pytest.mark.parametrize(
    ("command", "environment"),
    [
        ("uvicorn app:app --port {port} --reload", {}),
        ("python manage.py runserver {port}", {}),
        ("flask --app shop run -p {port}", {}),
        ("flask --app shop --debug run -p {port}", {}),
        ("fastapi dev app.py", {}),
        ("npm run dev", {}),
        ("nodemon server.js", {}),
        ("node --watch server.js", {}),
        ("node server.js", {"NODE_ENV": "development"}),
        ("gunicorn shop.wsgi", {"DJANGO_DEBUG": "True"}),
        ("gunicorn shop.wsgi", {"DEBUG": "1"}),
        ("php artisan serve", {"APP_DEBUG": "true"}),
        ("php -d opcache.enable=1 -S 127.0.0.1:{port} -t public", {}),
        ("php artisan serve --port {port}", {}),
        ("bundle exec puma -e development -b tcp://127.0.0.1:{port}", {}),
        ("dotnet Shop.dll", {"ASPNETCORE_ENVIRONMENT": "Development"}),
    ],
)
def test_a_mode_for_developing_is_recognised(command, environment):
    assert debug_modes(command, environment)


@pytest.mark.parametrize(
    ("command", "environment"),
    [
        ("uvicorn app:app --port {port}", {"DEBUG": "0"}),
        ("gunicorn --reload-engine poll shop.wsgi", {}),
        ("node server.js", {"NODE_ENV": "production"}),
        ("./shop --debug-port 0", {"DEBUG": "", "RAILS_ENV": "staging"}),
        ("bundle exec puma -e production -b tcp://127.0.0.1:{port}", {}),
        ("php-fpm8.2 -F -y pool.conf", {}),
        (None, {}),
    ],
)
def test_what_is_none_is_not_called_one(command, environment):
    assert debug_modes(command, environment) == ()
