"""How a service starts is found in whatever its project has."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from perfproof.draft.start.databases import find_database, kept_from_counting
from perfproof.draft.start.start import Line, Start, adapted
from perfproof.draft.start.ways import ways_to_start


def first(folder: Path) -> Start:
    return ways_to_start(folder)[0]


def put(folder: Path, **files: str) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return folder


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("gunicorn app:app --bind 0.0.0.0:$PORT --workers 2", "gunicorn app:app --bind 127.0.0.1:{port} --workers 2"),
        ("uvicorn main:app --reload", "uvicorn main:app --host 127.0.0.1 --port {port}"),
        ("uvicorn main:app --host 0.0.0.0 --port 80", "uvicorn main:app --host 127.0.0.1 --port {port}"),
        ("uvicorn a:b --port ${PORT:-8000}", "uvicorn a:b --port {port}"),
        ("gunicorn -b :8000 x.wsgi", "gunicorn -b 127.0.0.1:{port} x.wsgi"),
        ("hypercorn a:b -b [::]:80", "hypercorn a:b -b 127.0.0.1:{port}"),
        ("python manage.py runserver", "python manage.py runserver 127.0.0.1:{port}"),
        ("node server.js", "node server.js"),
    ],
)
def test_ports_and_hosts_of_other_tools_become_the_scenarios(line: str, expected: str) -> None:
    assert adapted(line) == Line(expected)


def test_what_only_a_shell_understands_is_left_to_one() -> None:
    line = adapted('sh -c "alembic upgrade head && exec uvicorn a:b --port $PORT --workers ${WORKERS:-2}"')
    assert line == Line("alembic upgrade head && exec uvicorn a:b --port {port} --workers $WORKERS", True)
    assert adapted("WORKERS=2 serve --port 8000").shell
    assert not adapted("serve --port 8000 --cluster default=http://127.0.0.1:{port2} --level error").shell


@pytest.mark.parametrize(
    ("name", "text", "command"),
    [
        ("main.py", "app = FastAPI()", "uvicorn main:app --host 127.0.0.1 --port {port}"),
        ("shop/api.py", "application: Starlette = Starlette()", "uvicorn shop.api:application"),
        (
            "src/shop/main.py",
            "api = fastapi.FastAPI(title='x')",
            "uvicorn shop.main:api --host 127.0.0.1 --port {port} --app-dir src",
        ),
        (
            "app.py",
            "def create_app(debug=False):\n    return FastAPI()",
            "uvicorn app:create_app --host 127.0.0.1 --port {port} --factory",
        ),
        (
            "app.py",
            "def make(x):\n    return FastAPI()\napp = make(3)",
            "uvicorn app:app --host 127.0.0.1 --port {port}",
        ),
        ("wsgi.py", "app = Flask(__name__)", "gunicorn wsgi:app --bind 127.0.0.1:{port}"),
        (
            "web.py",
            "def create_app():\n    app = Flask(__name__)\n    return app",
            "gunicorn 'web:create_app()' --bind 127.0.0.1:{port}",
        ),
    ],
)
def test_a_python_application_is_found_in_its_sources(tmp_path: Path, name: str, text: str, command: str) -> None:
    put(tmp_path, **{name: f"from x import y\n{text}\n", "tests/test_app.py": "app = FastAPI()"})
    assert first(tmp_path).command.startswith(command)


def test_the_folders_own_environment_is_used_and_made_again_for_versions_from_git(tmp_path: Path) -> None:
    put(
        tmp_path,
        **{"app.py": "app = FastAPI()", "requirements.txt": "fastapi", ".venv/bin/python": "", ".venv/bin/uvicorn": ""},
    )
    found = first(tmp_path)
    assert found.command.startswith(".venv/bin/uvicorn app:app")
    assert found.build == "sh -c 'python3 -m venv .venv && .venv/bin/pip install --quiet -r requirements.txt'"


def test_a_django_project_is_served_by_a_real_server_where_there_is_one(tmp_path: Path) -> None:
    manage = "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n"
    settings = "DATABASES = {\n    'default': {\n        'ENGINE': 'django.db.backends.sqlite3',\n    }\n}\n"
    put(tmp_path, **{"manage.py": manage, "shop/settings.py": settings, "shop/wsgi.py": "application = 1"})
    ways = ways_to_start(tmp_path)
    assert ways[0].command == "gunicorn shop.wsgi:application --bind 127.0.0.1:{port}"
    assert ways[-1].command.endswith("manage.py runserver --noreload 127.0.0.1:{port}")
    assert find_database(tmp_path, ways[0].command, {}, {}).address == "sqlite"


def test_the_database_of_django_settings_that_read_variables_is_found(tmp_path: Path) -> None:
    settings = """import os
from pathlib import Path

DATABASES = {"default": {
    "ENGINE": "django.db.backends.postgresql", "NAME": os.environ.get("DB", "shop"),
    "USER": os.getenv("DB_USER", "app"),
    "PASSWORD": os.environ["DB_SECRET"], "HOST": env("DB_HOST", default="127.0.0.1"), "PORT": PORT}}
"""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        put(tmp_path, **{"manage.py": "", "shop/settings.py": settings.replace("PORT}", f"{port}}}")})
        found = find_database(tmp_path, "gunicorn a", {}, {"DB_SECRET": "word", "DB": "books"})
        assert found.address == f"postgresql://app:${{DB_SECRET}}@127.0.0.1:{port}/books"
        written = settings.replace('os.environ["DB_SECRET"]', '"s3cret"').replace("PORT}", f"{port}}}")
        put(tmp_path, **{"shop/settings.py": written})
        held = find_database(tmp_path, "gunicorn a", {}, {})
        assert held.address == ""
        assert "its address holds a password" in held.left_out
        assert "s3cret" not in held.left_out


def test_nothing_is_built_where_nothing_says_what_is_in_it(tmp_path: Path) -> None:
    put(
        tmp_path,
        **{
            "manage.py": "import os\nos.environ.setdefault('DJANGO_SETTINGS_MODULE', 'shop.settings')\n",
            "shop/wsgi.py": "application = 1",
            ".venv/bin/python": "",
            ".venv/bin/gunicorn": "",
        },
    )
    assert ways_to_start(tmp_path)[0].build is None
    put(tmp_path, **{"requirements.txt": "django"})
    assert "-r requirements.txt" in (ways_to_start(tmp_path)[0].build or "")


def test_a_node_package_is_started_by_its_script_and_fixed_ports_are_told(tmp_path: Path) -> None:
    package = {"scripts": {"start": "node server.js", "build": "tsc"}, "dependencies": {"express": "4"}}
    put(tmp_path, **{"package.json": json.dumps(package), "package-lock.json": "{}"})
    put(tmp_path, **{"server.js": "app.listen(process.env.PORT || 3000)"})
    found = first(tmp_path)
    assert (found.command, found.port) == ("node server.js", None)
    assert (found.build, found.prepare) == ("sh -c 'npm ci && npm run build'", "npm run build")
    put(tmp_path, **{"server.js": "app.listen(3000)"})
    fixed = first(tmp_path)
    assert fixed.port == 3000
    assert "always listens on 3000" in fixed.notes[0]
    package = {"scripts": {"start": "node server.js"}}
    put(tmp_path, **{"package.json": json.dumps(package), "server.js": "app.listen(process.env.PORT)"})
    assert [way.command for way in ways_to_start(tmp_path)] == ["node server.js"], "what does not start is tried once"
    package = {"scripts": {"start": "cross-env MODE=fast PORT=3000 tool --port 3000 db.json"}}
    put(tmp_path, **{"package.json": json.dumps(package), "node_modules/.bin/tool": ""})
    direct = first(tmp_path)
    assert (direct.command, direct.port) == ("node_modules/.bin/tool --port {port} db.json", None)
    assert direct.environment == {"NODE_ENV": "production", "MODE": "fast"}


def test_compiled_services_are_built_from_each_arms_folder(tmp_path: Path) -> None:
    put(tmp_path, **{"go.mod": "module x", "cmd/tool/main.go": "package main\nfunc main() {}"})
    put(tmp_path, **{"cmd/server/main.go": 'package main\nimport "net/http"\nfunc main() { os.Getenv("PORT") }'})
    found = first(tmp_path)
    assert (found.command, found.prepare) == ("{work}/service", "go build -o {work}/service ./cmd/server")
    assert found.notes == ()
    rust = tmp_path / "rust"
    put(rust, **{"Cargo.toml": '[package]\nname = "shop"\n', "src/main.rs": "fn main() {}"})
    found = first(rust)
    assert (found.command, found.prepare) == ("target/release/shop", "cargo build --release --quiet --bin shop")


def test_a_procfile_goes_before_all_and_container_files_come_last(tmp_path: Path) -> None:
    compose = (
        "services:\n  web:\n    build: .\n    command: gunicorn a:b -b 0.0.0.0:8000\n    environment: [MODE=fast]\n"
    )
    docker = (
        'FROM a AS b\nCMD ["no"]\nFROM c\nWORKDIR /srv\nENTRYPOINT ["python", "/srv/run.py"]\nCMD ["--port", "8000"]\n'
    )
    put(tmp_path, Procfile="release: x\nweb: uvicorn a:b --port $PORT\n", Dockerfile=docker)
    put(tmp_path, **{"compose.yaml": compose, "run.py": ""})
    commands = {way.source: way for way in ways_to_start(tmp_path)}
    assert list(commands) == ["Procfile", "Dockerfile", "compose file, service web"]
    assert commands["Procfile"].command == "uvicorn a:b --port {port}"
    assert commands["Dockerfile"].command == "python run.py --port {port}"
    assert commands["compose file, service web"].command == "gunicorn a:b -b 127.0.0.1:{port}"
    assert commands["compose file, service web"].environment == {"MODE": "fast"}


def test_broken_project_files_are_no_way_and_no_error(tmp_path: Path) -> None:
    put(
        tmp_path,
        **{"package.json": "{", "Cargo.toml": "[", "compose.yaml": "a: [", "Dockerfile": "CMD [", "app.py": "def ("},
    )
    assert [way.source for way in ways_to_start(tmp_path)] in ([], ["Dockerfile"])


def test_the_database_comes_from_the_environment_and_no_password_is_written_down(tmp_path: Path) -> None:
    url = "postgresql://me:hunter2@127.0.0.1:1/shop"
    (tmp_path / ".env").write_text(f"DATABASE_URL={url}\n")
    found = find_database(tmp_path, "uvicorn a:b", {}, {})
    assert (found.address, "hunter2" in found.left_out) == ("", False)
    assert "nothing answers at 127.0.0.1:1" in found.left_out
    (tmp_path / ".env").write_text("DATABASE_URL=sqlite:///shop.db\n")
    assert find_database(tmp_path, "uvicorn a:b", {}, {}).address == "sqlite"
    assert find_database(tmp_path, "node a.js", {}, {}).address == ""
    assert "not this machine" in find_database(tmp_path, "x", {}, {"DB_URL": "mysql://a@192.0.2.1/x"}).left_out


def test_a_database_that_listens_here_is_named_by_its_variable(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"postgresql://me:hunter2@127.0.0.1:{server.getsockname()[1]}/shop"
        found = find_database(tmp_path, "node a.js", {}, {"DATABASE_URL": url})
        assert found.address == "${DATABASE_URL}"
        (tmp_path / ".env").write_text(f"DATABASE_URL={url}\n")
        held = find_database(tmp_path, "node a.js", {}, {})
        assert held.address == ""
        assert "holds a password" in held.left_out


def test_an_address_that_the_user_gave_for_the_scenario_is_its_database_with_its_password(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"postgresql://me:hunter2@127.0.0.1:{server.getsockname()[1]}/shop"
        given = find_database(tmp_path, "puma", {"DATABASE_URL": url}, {})
        assert (given.address, given.left_out) == (url, "")
        assert given.note == "from the variable DATABASE_URL; its password stands in this file"


def test_the_database_of_rails_is_that_of_production(tmp_path: Path) -> None:
    import socket

    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
        text = f"""default: &default
  adapter: postgresql
  pool: <%= ENV.fetch("RAILS_MAX_THREADS") {{ 5 }} %>
production:
  <<: *default
  host: 127.0.0.1
  port: {port}
  database: shop
  username: shop
"""
        put(tmp_path, **{"config/database.yml": text})
        found = find_database(tmp_path, "bundle exec puma", {}, {})
        assert (found.address, found.note) == (f"postgresql://shop@127.0.0.1:{port}/shop", "from config/database.yml")
        put(tmp_path, **{"config/database.yml": f"{text}  password: hunter2\n"})
        held = find_database(tmp_path, "bundle exec puma", {}, {})
        assert (held.address, "hunter2" in held.left_out) == ("", False)
        put(tmp_path, **{"config/database.yml": "production: {adapter: sqlite3, database: db/production.sqlite3}"})
        assert find_database(tmp_path, "bundle exec puma", {}, {}).address == ""
        put(tmp_path, **{"config/database.yml": "production: [: <% broken"})
        assert find_database(tmp_path, "bundle exec puma", {}, {}).address == ""


def test_rails_and_rack_start_in_production(tmp_path: Path) -> None:
    rails = put(tmp_path / "a", **{"config/application.rb": "", "bin/rails": "", "config.ru": "", "package.json": "{}"})
    put(rails, Gemfile="gem 'rails'\ngem 'puma'\n")
    puma, server = ways_to_start(rails)[:2]
    assert puma.command == "bundle exec puma --environment production --bind tcp://127.0.0.1:{port}"
    assert server.command == "bin/rails server --binding 127.0.0.1 --port {port} --pid {work}/server.pid"
    assert puma.environment == {"RAILS_ENV": "production"}
    assert puma.build == "bundle install --quiet"
    rack = put(tmp_path / "b", **{"config.ru": "run App", "Gemfile": "gem 'sinatra'\n"})
    assert first(rack).command == "bundle exec rackup --env production --host 127.0.0.1 --port {port}"


def test_php_is_served_from_the_folder_with_its_front_page(tmp_path: Path) -> None:
    put(tmp_path / "a", **{"public/index.php": "<?php", "index.php": "<?php", "composer.json": "{}"})
    way = first(tmp_path / "a")
    assert (way.command, way.source) == ("php -S 127.0.0.1:{port} -t public", "public/index.php")
    assert way.build == "composer install --quiet --no-interaction"
    assert "give --command with what starts nginx and php-fpm" in way.notes[0]
    put(tmp_path / "b", **{"index.php": "<?php"})
    assert first(tmp_path / "b").command == "php -S 127.0.0.1:{port}"


def test_a_database_that_is_not_set_up_for_counting_is_told_with_what_to_set(postgresql) -> None:
    url = postgresql()  # of a server without pg_stat_statements and without a log of its own
    environ = {"SHOP": url}
    told = kept_from_counting("${SHOP}", "node server.js", environ)
    assert told.startswith("queries cannot be counted until the database is set up for it: pg_stat_statements is not")
    assert "shared_preload_libraries" in told
    assert url.partition("@")[0].rpartition(":")[2] not in told, "a password is never told"
    assert kept_from_counting("${SHOP}", "uvicorn app:app", environ) == "", "of Python they are counted within it"
    assert kept_from_counting("", "node server.js", environ) == kept_from_counting("sqlite", "node a.js", {}) == ""


def test_of_a_database_that_is_set_up_for_counting_nothing_is_told(database) -> None:
    assert kept_from_counting(database, "node server.js", {}) == ""
