"""What the release in containers takes: bytes for it and for its changes, memory, time to the first event."""

import hashlib
import json
import re
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
import time
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from base.images.build import ROOT, build, services
from tests.bench.figures import Figure, progress
from tests.bench.memory import PI, PI_MEGABYTES, private, rollup
from tests.servers import engine
from tests.servers.containers import Containers, arguments, build_all, docker
from tests.servers.waiting import wait_for

LAYERS = ("Debian", "Debian's packages", "venv", "shared", "config", "service")
EDITED = "hub"
STARTS = 3
BEATS = 3
SHIPPED = ("base", "config", "docker-compose.yml", ".dockerignore", "services", "shared", "simulator", "var/wheels")
# Stands for InfluxDB, Slack and Sentry: it takes whatever it is given.
OUTSIDE = """
import http.server
class Takes(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_POST(self):
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers(); self.wfile.write(b"ok")
    do_GET = do_POST
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer(("", 8086), Takes).serve_forever()
"""
AT_WORK = {
    "INFLUX_URL": "http://outside:8086",
    "INFLUX_TOKEN": "x",
    "SLACK_WEBHOOK_URL": "http://outside:8086/services/T/B/x",
    "SENTRY_DSN": "http://0123456789abcdef0123456789abcdef@outside:8086/1",
}


def run() -> Iterator[Figure]:
    """Build the release, change it, and run it; needs an engine."""
    if not engine.answers():
        progress("  left out: no Docker engine answers (python -m tests.servers.engine start FOLDER)")
        return
    progress("  images")
    images = build_all()
    with tempfile.TemporaryDirectory(prefix="picket-bench-") as folder:
        store = Store(Path(folder))
        yield from sizes(images, store)
        yield from changes(images, store, Path(folder))
        yield from memory(Path(folder))
        yield from cold_start(Path(folder))


class Store:
    """The layers of images, as tar files."""

    def __init__(self, folder: Path) -> None:
        """Keep them in a folder."""
        self._folder = folder

    def layers(self, image: str) -> dict[str, Path]:
        """Return an image's layers from the lowest on, by digest."""
        digests = docker("image", "inspect", "--format", '{{join .RootFS.Layers " "}}', image).split()
        paths = {digest: self._folder / digest.removeprefix("sha256:") for digest in digests}
        if all(path.exists() for path in paths.values()):
            return paths
        command = ["docker", "save", image]
        with (
            subprocess.Popen(command, stdout=subprocess.PIPE) as saving,
            tarfile.open(fileobj=saving.stdout, mode="r|") as archive,
        ):
            archive.extractall(self._folder / "saved", filter="data")
        manifest = json.loads((self._folder / "saved/manifest.json").read_text())[0]
        for path, name in zip(paths.values(), manifest["Layers"], strict=True):
            shutil.copyfile(self._folder / "saved" / name, path)
        shutil.rmtree(self._folder / "saved")
        return paths


def gzipped(path: Path) -> int:
    """Return how many bytes a registry would send for a layer."""
    compressor, total = zlib.compressobj(6, wbits=31), 0
    with path.open("rb") as file:
        while chunk := file.read(1 << 20):
            total += len(compressor.compress(chunk))
    return total + len(compressor.flush())


def sizes(images: dict[str, str], store: Store) -> Iterator[Figure]:
    """Yield the bytes of the release, each layer counted once, and of each kind of layer."""
    seen: dict[str, int] = {}
    kinds: dict[str, int] = dict.fromkeys(LAYERS, 0)
    for service in services():
        progress(f"  layers of {service}")
        for kind, (digest, path) in zip(LAYERS, store.layers(images[service]).items(), strict=True):
            if digest not in seen:
                seen[digest] = gzipped(path)
                kinds[kind] += seen[digest]
    yield Figure(case=f"{len(services())} images", metric="first_install", value=sum(seen.values()) / 1e6, unit="MB")
    for kind, size in kinds.items():
        yield Figure(case=f"layer: {kind}", metric="first_install", value=size / 1e3, unit="kB")


def changes(images: dict[str, str], store: Store, folder: Path) -> Iterator[Figure]:
    """Yield the bytes of the layers that differ after a change, whole and as patches of the old ones."""
    cases: dict[str, Callable[[Path], None]] = {
        "nothing, built without a cache": lambda _: None,
        f"one line of {EDITED}": edit_service,
        "one value of config/picket.yaml": edit_config,
        "a newer dependency (slack-sdk)": bump,
    }
    old = {service: store.layers(images[service]) for service in services()}
    for number, (case, change) in enumerate(cases.items()):
        progress(f"  change: {case}")
        tree = folder / f"tree-{number}"
        copy_tree(tree)
        change(tree)
        new = {}
        for index, service in enumerate(services()):
            # What all services share is built once without the cache, with the first of them.
            cached = index > 0 or not case.startswith("nothing")
            new[service] = store.layers(build(service, arguments(), cache=cached, root=tree, prefix="picket-bench"))
        pairs = {
            (was, now)
            for service in services()
            for was, now in zip(old[service].items(), new[service].items(), strict=True)
            if was[0] != now[0]
        }
        kinds = {LAYERS[i] for s in services() for i, d in enumerate(new[s]) if d not in old[s]}
        named = f"{case}: {', '.join(kind for kind in LAYERS if kind in kinds) or 'no layer'}"
        yield Figure(case=named, metric="changed_layers", value=sum(gzipped(now[1]) for _, now in pairs), unit="B")
        if shutil.which("zstd"):
            yield Figure(case=named, metric="patch", value=sum(patch(was[1], now[1]) for was, now in pairs), unit="B")
        shutil.rmtree(tree)


def patch(old: Path, new: Path) -> int:
    """Return the bytes of a layer as a patch of another."""
    command = ["zstd", "-19", "--long=27", "-q", "-c", f"--patch-from={old}", str(new)]
    return len(subprocess.run(command, check=True, capture_output=True).stdout)


def copy_tree(tree: Path) -> None:
    """Copy what images are made of."""
    tree.mkdir()
    for name in SHIPPED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tree / name, ignore=shutil.ignore_patterns("__pycache__", "tests"))
        else:
            shutil.copyfile(source, tree / name)


def edit_service(tree: Path) -> None:
    """Change a number in one line."""
    file = tree / f"services/{EDITED}/src/picket_{EDITED}/keeper.py"
    text, count = re.subn(r"(?m)^([A-Z_]+ = )(\d)", r"\g<1>1\2", file.read_text(), count=1)
    assert count, f"{file} has no number to change"
    file.write_text(text)


def edit_config(tree: Path) -> None:
    """Change how long a siren may sound."""
    file = tree / "config/picket.yaml"
    file.write_text(file.read_text().replace("max_on_seconds: 10 }", "max_on_seconds: 12 }", 1))


def bump(tree: Path) -> None:
    """Take another version of one package than the lock's, the one before it."""
    versions = subprocess.run(
        [sys.executable, "-m", "pip", "index", "versions", "slack-sdk"], capture_output=True, text=True, check=True
    ).stdout
    listed = versions.split("Available versions: ")[1].splitlines()[0].split(", ")
    lock = tree / "base/requirements.lock"
    entry = re.search(r"(?ms)^slack-sdk==(\S+).*?(?=^\S)", lock.read_text())
    assert entry
    other = next(version for version in listed if version != entry[1])
    wheels = tree / "var/wheels"
    for old in wheels.glob("slack_sdk-*"):
        old.unlink()
    command = [
        sys.executable,
        "-m",
        "pip",
        "download",
        "-qq",
        "--no-deps",
        "--dest",
        str(wheels),
        f"slack-sdk=={other}",
    ]
    subprocess.run(command, check=True)
    digest = hashlib.sha256(next(wheels.glob("slack_sdk-*.whl")).read_bytes()).hexdigest()
    lock.write_text(lock.read_text().replace(entry[0], f"slack-sdk=={other} \\\n    --hash=sha256:{digest}\n"))


def memory(folder: Path) -> Iterator[Figure]:
    """Yield the private memory of each container and of all, with recorder and notifier at rest and at work."""
    for case, variables in (("recorder and notifier at rest", {}), ("all at work", AT_WORK)):
        progress(f"  memory: {case}")
        with Containers(folder, "picket-bench", **variables) as release:
            release.composition["services"]["outside"] = {
                "image": "picket/hub",
                "entrypoint": ["python3", "-c", OUTSIDE],
            }
            observer = release.start()
            release.simulate("walk", "hall")
            observer.wait("picket/demo/heartbeat", seconds=60, count=BEATS)
            observer.close()
            megabytes = {service: used(release, service) for service in release.services}
        for service, value in megabytes.items():
            yield Figure(case=f"{case}: {service}", metric="private", value=value, unit="MB")
        total = sum(megabytes.values())
        case = f"{case}: {len(megabytes)} containers"
        yield Figure(case=case, metric="private", value=total, unit="MB", against=PI, ratio=total / PI_MEGABYTES)


def used(release: Containers, service: str) -> float:
    """Return the private memory of all processes of a container, in MB."""
    rows = docker("top", release.container(service), "-eo", "pid").split()[1:]
    return sum(private(rollup(int(pid))) for pid in rows) / 1024


def cold_start(folder: Path) -> Iterator[Figure]:
    """Yield how long the release takes from the start of its containers, which exist, to its first event."""
    moments: dict[str, list[float]] = {}
    for number in range(STARTS):
        progress(f"  start {number + 1} of {STARTS}")
        with Containers(folder, "picket-bench") as release:
            for metric, seconds in started(release).items():
                moments.setdefault(metric, []).append(seconds)
    for metric, times in moments.items():
        yield Figure(case=f"containers, median of {STARTS}", metric=metric, value=statistics.median(times), unit="s")


def started(release: Containers) -> dict[str, float]:
    """Start containers that exist, as after a boot, and return the seconds until each moment."""
    release.up()
    release.compose("stop", "--timeout", "10")
    containers = [release.container(service) for service in ("simulator", *release.services)]
    begin = time.time_ns()
    docker("start", *containers)
    observer = release.observer()
    observer.wait("picket/demo/status", "online", 60)
    online = time.time_ns()

    def first(topic: str) -> Any:
        return [entry for entry in release.journal(topic) if entry["time_ns"] > begin][:1]

    sample = wait_for("the first sample", lambda: first("input.state.garage"))
    release.simulate("walk", "hall")
    event = wait_for("the first event", lambda: first("event.input.hall"), 30)
    observer.close()
    return {
        "first_sample": (sample[0]["time_ns"] - begin) / 1e9,
        "first_event": (event[0]["time_ns"] - begin) / 1e9,
        "status_online": (online - begin) / 1e9,
    }
