"""What is pushed to a town: three services of a busybox and a script."""

from tests.servers import busybox

RUNS = "touch /ok\ntrap 'exit 0' TERM\nwhile :; do sleep 1 & wait $!; done\n"
SERVICE = f'FROM {busybox.NAME}\nCOPY . /app/\nCMD ["/bin/sh", "/app/run"]\n'
COMPOSE = """\
version: "2.4"
services:
  clock: {build: clock}
  hub:
    build: hub
    restart: always
    volumes: ["state:/data"]
  web:
    build: web
    depends_on: [hub]
    environment: {COLOUR: red}
    healthcheck: {test: ["CMD", "test", "-e", "/ok"], interval: 300ms, timeout: 60s, retries: 2}
volumes: {state: {}}
"""
PROJECT = {
    "docker-compose.yml": COMPOSE,
    "balena.yml": "name: town\ntype: sw.application\nversion: 1.0.0\n",
    **{f"{service}/Dockerfile": SERVICE for service in ("clock", "hub", "web")},
    **{f"{service}/run": f"# the {service}\n{RUNS}" for service in ("clock", "hub", "web")},
}
