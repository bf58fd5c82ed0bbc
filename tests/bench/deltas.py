"""What a device downloads for a change of the release, and what it costs: our deltas beside two other ways.

The release is pushed to a fleet of its own, then changes of it, one after the other; a device's engine follows.
"""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from picket_fleet.build.layers import Layers
from picket_fleet.deltas.release import Image, layers_of
from tests.bench import delta_work as work
from tests.bench.delta_wire import Wire
from tests.bench.delta_work import Used, measured
from tests.bench.figures import Figure, progress
from tests.bench.pushes import Dependency, Pushes, add_package, add_remark
from tests.bench.release import EDITED, edit_config, edit_service
from tests.servers import devices, engine

PULL = "docker pull"
BALENA = "balenaEngine's method"
WIRE_BYTES = 4000
PI_MEGABYTES = 64
ARCHITECTURES = {"x86_64": "genericx86-64-ext", "aarch64": "raspberrypi4-64"}


class Way(NamedTuple):
    """What a way of updating takes."""

    sent: int
    create: Used
    apply: Used


def run() -> Iterator[Figure]:
    """Push, and follow; needs an engine that builds, and root for the one of the device."""
    if missing := _missing():
        progress(f"  left out: {missing}")
        return
    with tempfile.TemporaryDirectory(prefix="picket-bench-") as name, devices.Site(Path(name, "site")) as site:
        folder = Path(name)
        device = site.machine("device")
        device.start()
        host = os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock")
        pushes = Pushes(folder, host, ARCHITECTURES[os.uname().machine])
        bench = Bench(folder, pushes, device)
        with Wire(pushes.home, folder, ARCHITECTURES[os.uname().machine]) as wire:
            yield from bench.history(wire)
        yield from bench.back()


def _missing() -> str:
    if not engine.answers():
        return "no Docker engine answers (python -m tests.servers.engine start FOLDER)"
    if not shutil.which("rdiff"):
        return "rdiff is missing (Debian: apt-get install rdiff)"
    return devices.missing()


class Bench:
    """The releases so far, and the device that runs the last one."""

    def __init__(self, folder: Path, pushes: Pushes, device: devices.Machine) -> None:
        """Begin with none."""
        self._folder, self._pushes, self._device = folder, pushes, device
        self._layers = folder / "layers"
        self._layers.mkdir()
        self._releases: list[list[Image]] = []

    def history(self, wire: Wire) -> Iterator[Figure]:
        """Yield the first installation, then each change."""
        dependency = Dependency()
        progress("  the release")
        first = self._push(dependency.older)
        yield from self._first(first)
        yield Figure(case="first release", metric="wire_without_layers", value=wire.follow(), unit="B")
        changes: dict[str, Callable[[Path], None]] = {
            f"one line of {EDITED}": edit_service,
            "one value of config/picket.yaml": edit_config,
            "a newer dependency (slack-sdk)": dependency.newer,
            "one more Debian package (jq)": add_package,
            "nothing, every step built anew": add_remark,
        }
        for case, change in changes.items():
            progress(f"  {case}")
            base, target = self._releases[-1], self._push(change)
            yield from self._compare(case, base, target)
            said = wire.follow()
            limit = WIRE_BYTES if change is edit_service else None
            yield Figure(
                case=case,
                metric="wire",
                value=said,
                unit="B",
                against=f"{limit} B, all protocol but TLS" if limit else None,
                ratio=said / limit if limit else None,
            )

    def back(self) -> Iterator[Figure]:
        """Yield what it takes from the last release to the first one."""
        progress("  back to the first release")
        yield from self._compare("all of it undone", self._releases[-1], self._releases[0], load=False)

    def _push(self, change: Callable[[Path], None]) -> list[Image]:
        images = self._pushes.images(self._pushes.push(change))
        for diff_id in layers_of(images):
            if not (self._layers / diff_id).exists():
                Layers(self._pushes.home).unpack(diff_id, self._layers / diff_id)
        self._releases.append(images)
        return images

    def _first(self, images: Sequence[Image]) -> Iterator[Figure]:
        """Yield what a device downloads that has nothing, and let the device be there."""
        measured(work.load_whole, self._layers, images, self._device.host)
        whole = sum(self._pushes.home.layer(diff_id).stat().st_size for diff_id in layers_of(images))
        pull = self._pull([], images)
        yield Figure(
            case="first installation", metric="bytes", value=whole, unit="B", against=PULL, ratio=whole / pull.sent
        )

    def _compare(
        self, case: str, base: Sequence[Image], target: Sequence[Image], *, load: bool = True
    ) -> Iterator[Figure]:
        ours = self._ours(base, target)
        for name, other in ((PULL, self._pull(base, target)), (BALENA, self._balena(base, target))):
            for metric, unit, value, beside in (
                ("bytes", "B", ours.sent, other.sent),
                ("create_seconds", "s", ours.create.seconds, other.create.seconds),
                ("create_peak", "MB", ours.create.megabytes, other.create.megabytes),
                ("apply_seconds", "s", ours.apply.seconds, other.apply.seconds),
                ("apply_peak", "MB", ours.apply.megabytes, other.apply.megabytes),
            ):
                ratio = value / beside if beside else None
                progress(f"    {metric} {value:.4g} {unit}, {name} {beside:.4g}")
                yield Figure(case=case, metric=metric, value=value, unit=unit, against=name, ratio=ratio)
        value = ours.apply.megabytes
        limit = f"{PI_MEGABYTES} MB"
        yield Figure(case=case, metric="apply_peak", value=value, unit="MB", against=limit, ratio=value / PI_MEGABYTES)
        if load:
            used = measured(work.load_delta, self._delta, base, self._device.root, self._device.host)
            yield Figure(case=case, metric="apply_and_load_seconds", value=used.seconds, unit="s")
            yield Figure(case=case, metric="apply_and_load_peak", value=used.megabytes, unit="MB")

    def _ours(self, base: Sequence[Image], target: Sequence[Image]) -> Way:
        create = measured(work.make_delta, self._layers, base, target, self._delta)
        apply = measured(work.apply_delta, self._delta, base, self._device.root)
        # Where all images are there already, the agent takes no notice of the delta.
        return Way(0 if set(target) <= set(base) else self._delta.stat().st_size, create, apply)

    def _pull(self, base: Sequence[Image], target: Sequence[Image]) -> Way:
        needed = work.pulled(base, target)
        with tempfile.TemporaryDirectory(dir=self._folder) as out:
            create = measured(work.make_pulled, self._layers, needed, Path(out))
            return Way(work.bytes_of(Path(out)), create, measured(work.apply_pulled, needed, Path(out)))

    def _balena(self, base: Sequence[Image], target: Sequence[Image]) -> Way:
        services = dict(zip(map(_service, base), base, strict=True))
        pairs = [(services[_service(image)], image) for image in target if image not in base]
        with tempfile.TemporaryDirectory(dir=self._folder) as out:
            create = measured(work.make_rdiff, self._layers, pairs, Path(out))
            return Way(work.bytes_of(Path(out)), create, measured(work.apply_rdiff, self._layers, pairs, Path(out)))

    @property
    def _delta(self) -> Path:
        return self._folder / "delta"


def _service(image: Image) -> str:
    """Return the line of an image's environment that names its service."""
    lines: list[str] = json.loads(image.config)["config"]["Env"]
    return next(line for line in lines if line.startswith("PICKET_SERVICE="))
