"""The whole release in containers, with a simulator beside it, on an engine of its own or on one that runs already."""

import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Any

from base.images.build import build, build_simulator, defaults, fetch_wheels, services
from base.images.development import compose, composition
from tests.servers.mqtt import Observer
from tests.servers.ports import free_ports
from tests.servers.waiting import wait_for
from tests.servers.whole import START_SECONDS, last_levels

USER = ("home", "a password of the tests")


class Containers:
    """A release with the demo configuration; a context manager that leaves nothing behind."""

    def __init__(self, folder: Path, project: str, **variables: str) -> None:
        """Choose a free port for the broker; nothing runs yet."""
        self.folder = folder
        self.project = project
        (self.mqtt_port,) = free_ports(1)
        self.file = folder / "docker-compose.json"
        variables = {"PICKET__BROKER__PASSWORD": USER[1], **variables}
        self.composition = composition(variables, self.mqtt_port)
        self.services = sorted(set(self.composition["services"]) - {"simulator"})

    def __enter__(self) -> "Containers":
        return self

    def __exit__(self, *_: object) -> None:
        self.compose("down", "--volumes", "--timeout", "10")

    def start(self) -> Observer:
        """Start the release, wait until it is online, and return an observer at its broker."""
        self.up()
        observer = self.observer()
        observer.wait("picket/demo/status", "online", START_SECONDS)
        observer.wait("picket/demo/input/hall/zone", "normal")
        wait_for("the relay", lambda: self.obeys(observer), START_SECONDS)
        return observer

    def obeys(self, observer: Observer) -> bool:
        """Tell whether a command that changes nothing is accepted; states alone may be those of an earlier run."""
        if not observer.on("picket/demo/status") or observer.on("picket/demo/status")[-1].text != "online":
            return False
        before = len(observer.on("picket/demo/output/door/result"))
        observer.publish("picket/demo/output/door/set", "OFF")
        try:
            results = wait_for("a result", lambda: observer.on("picket/demo/output/door/result")[before:], 10)
        except AssertionError:
            return False  # "online" was of before: nobody heard the command
        return bool(results[0].json["accepted"])

    def up(self) -> None:
        """Create and start what does not run."""
        self.file.write_text(json.dumps(self.composition))
        self.compose("up", "--detach", "--no-build")

    def observer(self) -> Observer:
        """Return somebody at the broker who may do everything."""
        return Observer(self.mqtt_port, user=USER)

    def compose(self, *words: str) -> str:
        """Run docker-compose on this release."""
        command = [*compose(), "--project-name", self.project, "--file", str(self.file), *words]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def container(self, service: str) -> str:
        """Return the id of a service's container."""
        labels = {"project": self.project, "service": service}
        filters = [word for key, value in labels.items() for word in ("-f", f"label=com.docker.compose.{key}={value}")]
        return docker("ps", "--all", "--quiet", "--no-trunc", *filters).strip()

    def state(self, service: str) -> dict[str, Any]:
        """Return what the engine says of a service's container."""
        found: list[dict[str, Any]] = json.loads(docker("inspect", self.container(service)))
        return found[0]

    def pid(self, service: str) -> int:
        """Return the number of a container's first process; 0 when it does not run."""
        return int(self.state(service)["State"]["Pid"])

    def kill(self, service: str, number: int = signal.SIGKILL) -> None:
        """Let a container's first process die, as by a fault, and wait until the engine has started it again."""
        old = wait_for(service, lambda: self.pid(service))
        os.kill(old, number)
        wait_for(f"another {service}", lambda: self.pid(service) not in (0, old))

    def execute(self, service: str, *words: str) -> str:
        """Run a command in a service's container and return what it prints."""
        return docker("exec", "--user", "picket", self.container(service), *words)

    def simulate(self, *words: str) -> str:
        """Act on the simulator."""
        return self.execute("simulator", "picket", "simulate", *words)

    def pin(self, output: str) -> str:
        """Return the level of an output's pin, as the simulated chip drives it."""
        chips: list[dict[str, Any]] = json.loads(self.simulate("chips", "--json"))
        return next(str(chip["outputs"][output]["level"]) for chip in chips if output in chip.get("outputs", {}))

    def last_levels(self, output: str, count: int) -> list[tuple[float, str]]:
        """Return the last levels of an output's pin and since when, in seconds of the chip's own clock."""
        return last_levels(self.simulate("chips", "--json", "--history"), output, count)

    def journal(self, topic: str) -> list[Any]:
        """Return the journalled messages of a topic."""
        return [json.loads(line) for line in self.execute("hub", "picket", "journal", topic, "--json").splitlines()]


def docker(*words: str) -> str:
    """Run a docker command and return what it prints."""
    done = subprocess.run(["docker", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"docker {' '.join(words)}: {done.stdout}{done.stderr}"
    return done.stdout


def arguments() -> dict[str, str]:
    """Return the build's arguments: what the environment gives, else without the library that is on no registry."""
    given = {name: os.environ[name] for name in ("BASE", "DEBIAN_MIRROR", "ABELECTRONICS") if name in os.environ}
    return {**defaults(), "ABELECTRONICS": "", **given}


def build_all() -> dict[str, str]:
    """Build every image, make the base first where it is needed, and return the ids by service."""
    fetch_wheels()
    if not defaults():
        from base.images.debian import NAME, RELEASE, make

        make("amd64" if os.uname().machine == "x86_64" else "arm64", f"{NAME}:{RELEASE}")
    images = {service: build(service, arguments()) for service in services()}
    return {**images, "simulator": build_simulator()}
