"""A server with its page, a fleet on it that has seen something, people with tokens, and a browser."""

import hashlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import requests
from playwright.sync_api import Browser, Page, sync_playwright

from fleet.tests.server.conftest import Fleet, Joined, serving
from picket_fleet.build.log import keeping
from picket_fleet.home import Configuration, Home, create
from picket_fleet.page import routes
from picket_fleet.releases.policy import Policy
from picket_fleet.store import devices, keys, logs, releases, rolling, rollouts, variables
from picket_fleet.store import fleet as fleets
from picket_fleet.store.devices import Contact
from picket_fleet.store.releases import Build, Release
from tests.servers.packages import install_packages
from tests.servers.quiet_network import quiet_network

ROOT = Path(__file__).parents[3]
SCREENSHOTS = ROOT / "var" / "screenshots"
AXE = ROOT / "fleet" / "page" / "node_modules" / "axe-core" / "axe.min.js"
SERVICES = {"hub": {}, "relay": {"labels": {"io.picket.outputs": "all outputs go to their failsafe state"}}, "web": {}}
CONFIGURATION = Configuration("house", "raspberrypi4-64", "https://127.0.0.1:8443", "127.0.0.1:0")


class Nobody:
    """What a build asks of the one who pushed."""

    def say(self, service: str, line: str) -> None:
        """Hear."""

    def still_there(self) -> None:
        """Be there."""

    def confirm(self) -> None:
        """Agree."""


class Client:
    """Somebody's browser, without its eyes."""

    def __init__(self, fleet: Fleet) -> None:
        """Begin logged out."""
        self.base = f"https://127.0.0.1:{fleet.port}"
        self.http = requests.Session()
        self.http.verify = str(fleet.home.certificate)
        self.http.trust_env = False
        self.csrf = ""

    def get(self, path: str, **options: Any) -> requests.Response:
        """Ask."""
        return self.http.get(f"{self.base}{path}", timeout=30, **options)

    def post(self, path: str, body: Any, *, csrf: str | None = None, **options: Any) -> requests.Response:
        """Send JSON, with the CSRF token of the session unless another one is given."""
        headers = {"Picket-CSRF": self.csrf if csrf is None else csrf}
        method = options.pop("method", "POST")
        return self.http.request(method, f"{self.base}{path}", json=body, headers=headers, timeout=30, **options)

    def log_in(self, token: str) -> requests.Response:
        """Log in."""
        answer = self.post("/page/api/login", {"token": token})
        if answer.ok:
            self.csrf = answer.json()["csrf"]
        return answer

    def do(self, name: str, /, **arguments: Any) -> requests.Response:
        """Do something."""
        return self.post(f"/page/api/do/{name}", arguments)

    def events(self) -> "Events":
        """Begin to listen."""
        return Events(self.get("/page/api/events", stream=True))


class Events:
    """Server-sent events, as they come; what they tell, put together."""

    def __init__(self, response: requests.Response) -> None:
        """Read the first one."""
        self.response = response
        self._lines = response.iter_lines(chunk_size=1)
        self.told: dict[str, Any] = {"devices": {}, "releases": {}, "log": [], "build": []}
        self.patches: list[dict[str, Any]] = []
        self.is_over = False
        name, data = self.next()
        assert name == "hello"
        self.id: str = data["id"]

    def next(self) -> tuple[str, Any]:
        """Return the next event."""
        event = ""
        for line in self._lines:
            field, _, value = line.decode().partition(": ")
            if field == "event":
                event = value
            elif field == "data":
                data = json.loads(value)
                if event == "patch":
                    self._apply(data)
                self.is_over = self.is_over or event == "over"
                return event, data
        return "", None

    def until(self, condition: Any) -> dict[str, Any]:
        """Read until what was told is so, and return it."""
        deadline = time.monotonic() + 30
        while not condition(self.told):
            assert time.monotonic() < deadline, self.told
            assert self.next()[0], "the stream ended"
        return self.told

    def _apply(self, patch: dict[str, Any]) -> None:
        self.patches.append(patch)
        from_start = patch.get("from_start")
        for name, value in patch.items():
            if name in ("devices", "releases", "members"):
                self.told.setdefault(name, {}).update(value)
            elif name in ("log", "build"):
                self.told[name] = ([] if from_start else self.told[name]) + value
            else:
                self.told[name] = value


class House:
    """A fleet that has seen something: hall runs the latest release, attic is on its way, cellar was rolled back."""

    def __init__(self, fleet: Fleet) -> None:
        """Make it."""
        self.fleet, self.home, self.database = fleet, fleet.home, fleet.database
        self.now = time.time()
        self.token = keys.give_out(self.database, keys.PERSON, "anna")
        self.first = self.release(50, note="the first one")
        self.second = self.release(5, web=b"web 2", note="a quieter filter")
        self.draft = self.release(1, web=b"web 3", relay=b"relay 2", is_draft=True)
        self.home.delta(self.first.commit_id, self.second.commit_id).write_bytes(bytes(940))
        self.devices = {name: fleet.join(name) for name in ("hall", "attic", "cellar", "shed", "garage")}
        self.seen("hall", 0, self.second, "done")
        self.seen("attic", 0, self.first, "downloading", share=45)
        self.seen("cellar", 0, self.first, "rejected", reason="web: it ended 4 times (last with 3)")
        self.seen("shed", 3 * 86_400, self.first, "done")
        for name, tags in {
            "hall": {"picket_health": "ok", "floor": "0", "picket_version": "0.1.0"},
            "attic": {"picket_health": "ok", "floor": "2"},
            "cellar": {"picket_health": "silent: hub; degraded: relay", "floor": "-1", "power": "battery"},
        }.items():
            for tag, value in tags.items():
                devices.tag(self.database, self.devices[name].id, tag, value)
        for service, name, value in (("", "LEVEL", "info"), ("web", "COLOUR", "red"), ("", "TOKEN", "s3cret-s3cret")):
            variables.put(self.database, variables.Variable(None, service, name, value))
        variables.put(self.database, variables.Variable(self.devices["hall"].id, "", "LEVEL", "debug"))
        lines = [
            logs.Line(self.now - 600 + index, ("web", "relay", "hub")[index % 3], False, index % 11 == 0, text)
            for index, text in enumerate(["zone hall: motion", "output siren off", "journal 12,345 messages"] * 20)
        ]
        logs.append(self.database, self.devices["hall"].id, lines)

    def release(
        self, hours_ago: float, *, web: bytes = b"web 1", relay: bytes = b"", is_draft: bool = False, note: str = ""
    ) -> Release:
        """Build a release of web, relay and hub, with a log of its build."""
        began = self.now - hours_ago * 3600
        begun = releases.begin(self.database, "0.1.0", began)
        images = {"web": (b"system", web), "relay": (b"system", relay) if relay else (b"system",), "hub": (b"system",)}
        build = Build({"services": SERVICES}, {name: self.config(*images[name]) for name in images}, is_draft=is_draft)
        with keeping(self.home.build_log(begun.commit_id), Nobody()) as kept:
            kept.say("", f"Release {begun.commit_id} of fleet house, for raspberrypi4-64")
            for service in ("hub", "relay", "web"):
                for step in range(1, 6):
                    kept.say(service, f"Step {step}/5 : COPY services/{service}/src /opt/picket")
                    kept.say(service, " ---> Using cache")
            kept.say("", "3 images; 0.0 MB of new layers")
        releases.annotate(self.database, begun.id, note)
        releases.tag(self.database, begun.id, "git.sha", "5f0c2a" * 6 + "5f0c")
        releases.tag(self.database, begun.id, "pushed.by", "anna")
        return releases.publish(self.database, begun.id, build, self.home.sign, began + 42)

    def config(self, *layers: bytes) -> bytes:
        """Return an image's config, its layers being there."""
        for layer in layers:
            self.home.layer(_digest(layer)).write_bytes(bytes(41_000_000 if layer == b"system" else 3_100))
        return json.dumps({"rootfs": {"diff_ids": [f"sha256:{_digest(layer)}" for layer in layers]}}).encode()

    def seen(
        self, name: str, seconds_ago: float, runs: Release, status: str, *, share: int | None = None, reason: str = ""
    ) -> None:
        """Let a device have been heard, and have said how it is."""
        device, seen_at = self.devices[name], self.now - seconds_ago
        devices.heard(self.database, [Contact(device.id, seen_at, seen_at + 3600)])
        devices.save_running(self.database, device.id, runs.commit_id)
        services: dict[str, Any] = {service: {"status": "Running"} for service in ("hub", "relay", "web")}
        others = {runs.commit_id: {"services": services}}
        if share is not None:
            others[self.second.commit_id] = {
                "update_status": status,
                "services": {"web": {"status": "Downloading", "download_progress": share}},
            }
        elif status != "done":
            others[self.second.commit_id] = {"update_status": status, "reason": reason, "services": {}}
        metrics = {"cpu_usage": 12, "cpu_temp": 48, "memory_usage": 212, "memory_total": 512, "ip_address": "10.0.0.7"}
        system = {"storage_usage": 3120, "storage_total": 29_000, "os_version": "Debian GNU/Linux 12 (bookworm)"}
        apps = {fleets.get(self.database).uuid: {"releases": others}}
        held = {"update_locks": {"relay": "siren pulses"}, "downtimes": {"relay": 3.2}} if name == "hall" else {}
        devices.save_report(self.database, device.id, {**metrics, **system, **held, "apps": apps})

    def roll_out(self) -> Release:
        """Have a release rolled out whose canaries are hall and cellar."""
        for name in ("hall", "cellar"):
            devices.tag(self.database, self.devices[name].id, "canary", "yes")
        rollouts.set_policy(self.database, Policy("tag:canary=yes", soak_seconds=600.0, waves=(50.0, 100.0)))
        rolling.look(self.database, self.now)
        return self.release(0, web=b"web 4", note="a new model of the ADC")

    def device(self, name: str) -> Joined:
        """Return a device."""
        return self.devices[name]


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """Make a fleet."""
    return create(tmp_path / "fleet", CONFIGURATION)


@pytest.fixture
def fleet(home: Home) -> Iterator[Fleet]:
    """Serve a fleet with its page."""
    with serving(home, mounts=[routes.mount]) as fleet:
        yield fleet


@pytest.fixture
def house(fleet: Fleet) -> House:
    """Return a fleet that has seen something."""
    return House(fleet)


@pytest.fixture
def client(house: House) -> Iterator[Client]:
    """Somebody who is logged in."""
    client = Client(house.fleet)
    assert client.log_in(house.token).ok
    yield client
    client.http.close()


def installed_chromium() -> str:
    """Return the path of Debian's Chromium, the page being built; skips where either cannot be had."""
    words = ["make", "--silent", *([] if AXE.exists() else ["--always-make"]), "page"]
    built = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    if built.returncode or not AXE.exists():
        pytest.skip(f"*** THE PAGE'S TESTS IN A BROWSER ARE LEFT OUT: make page: {built.stderr[-300:]} ***")
    if not shutil.which("chromium"):
        install_packages(["chromium", "iproute2"])
    program = shutil.which("chromium")
    if not program:
        pytest.skip("*** THE PAGE'S TESTS IN A BROWSER ARE LEFT OUT: chromium is not installed ***")
    return program


@contextmanager
def launched(program: str) -> Iterator[Browser]:
    """Run a Chromium without a window."""
    with sync_playwright() as playwright:
        arguments = ["--no-sandbox"] if os.geteuid() == 0 else []
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        yield browser
        browser.close()


@pytest.fixture(scope="module")  # its event loop stays around as long as it does, and others want their own
def browser() -> Iterator[Browser]:
    """Debian's Chromium, on a network where nothing else happens."""
    program = installed_chromium()
    with quiet_network(), launched(program) as browser:
        yield browser


class Looking:
    """A person at a page."""

    def __init__(self, page: Page, base: str) -> None:
        """Look at nothing yet; what the browser complains of is kept."""
        self.page, self.base = page, base
        self.complaints: list[str] = []
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self._hear(said.text) if said.type == "error" else None)

    def _hear(self, complaint: str) -> None:
        """Keep it, but for what did not load: a 401 at first."""
        if not complaint.startswith("Failed to load resource"):
            self.complaints.append(complaint)

    def log_in(self, token: str) -> None:
        """Log in with a token."""
        self.page.goto(self.base)
        self.page.get_by_label("Token").fill(token)
        self.page.get_by_role("button", name="Log in").click()
        self.page.get_by_role("heading", name="Devices", level=1).wait_for()

    def go(self, place: str) -> None:
        """Go somewhere by the menu."""
        self.page.get_by_role("navigation").get_by_role("link", name=place).click()
        self.page.get_by_role("heading", name=place, level=1).wait_for()

    def faults(self) -> list[str]:
        """Return the accessibility faults that axe finds serious."""
        self.page.evaluate(AXE.read_text())
        found = self.page.evaluate("axe.run()")
        return [
            f"{fault['id']}: {node['html'][:150]} {node['any'][:1]}"
            for fault in found["violations"]
            if fault["impact"] in ("serious", "critical")
            for node in fault["nodes"]
        ]

    def keep(self, name: str, *, full: bool = True) -> None:
        """Keep a picture of all of the page, or of what is seen of it."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        self.page.screenshot(path=SCREENSHOTS / f"{name}.png", full_page=full, animations="disabled")


@pytest.fixture
def looking(looking_at: Any, house: House) -> Any:
    """Return how a person begins to look at the page of the house: `looking(width=..., scheme=...)`."""
    return partial(looking_at, house.fleet.port)


@pytest.fixture
def looking_at(browser: Browser) -> Iterator[Any]:
    """Return how a person begins to look at the page of a server, by its port."""
    contexts = []

    def begin(port: int, width: int = 1280, scheme: Any = "light", **options: Any) -> Looking:
        context = browser.new_context(
            viewport={"width": width, "height": 800},
            color_scheme=scheme,
            reduced_motion="reduce",  # a message that just comes up has the contrast of half a message
            ignore_https_errors=True,
            **options,
        )
        context.set_default_timeout(20_000)
        contexts.append(context)
        return Looking(context.new_page(), f"https://127.0.0.1:{port}")

    yield begin
    for context in contexts:
        context.close()
