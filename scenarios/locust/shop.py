"""Visitors of the bundled API, written for Locust: they run as they are, with perfproof as with `locust -f shop.py`."""

import random

from locust import FastHttpUser, HttpUser, SequentialTaskSet, between, task

LOGIN = {"email": "demo@example.com", "password": "demo-password"}  # public, demo only


class Visitor(HttpUser):
    """Looks around: lists of projects, now and then one of them."""

    wait_time = between(0.02, 0.08)
    weight = 3

    def on_start(self):
        token = self.client.post("/auth/login", json=LOGIN).json()["token"]
        self.client.headers["Authorization"] = f"Bearer {token}"

    @task(4)
    def look(self):
        self.client.get(f"/projects?limit=10&offset={random.randrange(0, 50, 10)}", name="/projects")

    @task
    def open(self):
        self.client.get(f"/projects/{random.choice([3, 14, 15, 26, 35])}", name="/projects/[id]")


class Clerk(FastHttpUser):
    """Works through a project: opens it, then pages through its records."""

    wait_time = between(0.02, 0.08)

    def on_start(self):
        token = self.client.post("/auth/login", json=LOGIN).json()["token"]
        self.headers = {"Authorization": f"Bearer {token}"}

    @task
    class Work(SequentialTaskSet):
        def on_start(self):
            self.project = random.choice([3, 14, 15, 26, 35])

        @task
        def open(self):
            self.client.get(f"/projects/{self.project}", headers=self.user.headers, name="/projects/[id]")

        @task
        def page(self):
            for offset in (0, 40):
                path = f"/projects/{self.project}/records?limit=10&offset={offset}"
                name = "/projects/[id]/records"
                with self.client.get(path, headers=self.user.headers, name=name, catch_response=True) as response:
                    if response.json()["total"] == 0:
                        response.failure("no records")

        @task
        def leave(self):
            self.interrupt()
