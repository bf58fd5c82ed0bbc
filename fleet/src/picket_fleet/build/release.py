"""Build a release of a commit: from its files to what devices are told."""

import shutil
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

from picket_fleet.build import deltas, project, source
from picket_fleet.build.architecture import PLATFORMS, architecture
from picket_fleet.build.cache import Steps
from picket_fleet.build.deltas import images_of, in_order, making
from picket_fleet.build.engine import Engine
from picket_fleet.build.errors import BuildError
from picket_fleet.build.layers import Layers
from picket_fleet.build.locks import is_locked, locked
from picket_fleet.build.log import keeping
from picket_fleet.build.project import Project, Recipe
from picket_fleet.build.services import build_all
from picket_fleet.build.source import Source
from picket_fleet.errors import FleetError
from picket_fleet.home import Home
from picket_fleet.store import built, deploys, preview, releases
from picket_fleet.store.database import Database
from picket_fleet.store.releases import Build, Release

SCRATCH, SENT = "push-", "sent-"
INFO = ""


class Pusher(Protocol):
    """The one who pushed, and waits."""

    def say(self, service: str, line: str) -> None:
        """Tell how it goes; `service` is INFO for what is about all of them."""

    def still_there(self) -> None:
        """Raise when nobody waits any more; called all the time."""

    def confirm(self) -> None:
        """Raise when the release must not count after all; called right before it does."""


@dataclass(frozen=True)
class Order:
    """What is to be built: a commit of the repository, or a project in a tar; and how."""

    commit: str = ""
    is_draft: bool = False
    note: str = ""
    cached: bool = True
    person: str = ""  # who wants it
    tar: Path | None = None


@contextmanager
def one_at_a_time(home: Home, wait: Callable[[], None] = lambda: None) -> Iterator[Database]:
    """Hold the right to build, with what a killed build left behind swept away; gives the database."""
    with locked(_lock(home), wait):
        database = home.database()
        try:
            _sweep(home, database)
            yield database
        finally:
            database.close()


def saying_once(pusher: Pusher, line: str) -> Callable[[], None]:
    """Return what is to be called while a build waits: it says so the first time."""
    waits = False

    def wait() -> None:
        nonlocal waits
        pusher.still_there()
        if not waits:
            pusher.say(INFO, line)
        waits = True

    return wait


def sweep(home: Home) -> None:
    """Sweep away what a killed build left behind, unless one goes on: for the server's start."""
    if not is_locked(_lock(home)):
        with one_at_a_time(home) as database:
            for left in home.builds.glob(f"{SENT}*"):
                shutil.rmtree(left, ignore_errors=True)
            if not deploys.going_on(database):
                shutil.rmtree(home.blobs, ignore_errors=True)
    deltas.sweep(home)


def build_release(home: Home, database: Database, order: Order, pusher: Pusher) -> Release:
    """Build a release, and let devices follow it; raises FleetError, and what `pusher` raises: then it counts nothing.

    The right to build has to be held.
    """
    with tempfile.TemporaryDirectory(prefix=SCRATCH, dir=home.builds) as scratch:
        tar = Path(scratch) / "source.tar"
        files = Source(order.tar) if order.tar else source.archive(order.commit, tar, pusher.still_there)
        try:
            return _build(home, database, order, files, Path(scratch), pusher)
        finally:
            files.close()


def _build(home: Home, database: Database, order: Order, files: Source, scratch: Path, pusher: Pusher) -> Release:
    name, device_type, commit_id = home.configuration.name, home.configuration.device_type, releases.new_commit_id()
    read = project.read(files, device_type=device_type, fleet=name, release=commit_id)
    release = releases.begin(database, read.semver, time.time(), commit_id)

    def make(kept: Pusher) -> dict[str, bytes]:
        kept.say(INFO, f"Release {commit_id} of fleet {name}, for {device_type}")
        return configs_of(home, database, read, files, scratch, order, kept)

    return complete(home, database, release, order, read.composition, make, pusher)


def complete(
    home: Home,
    database: Database,
    release: Release,
    order: Order,
    composition: dict[str, Any],
    make: Callable[[Pusher], dict[str, bytes]],
    pusher: Pusher,
) -> Release:
    """Have `make` give the configs of a release that has begun, and let devices follow it, or note that it failed."""
    with keeping(home.build_log(release.commit_id), pusher) as kept:
        try:
            releases.annotate(database, release.id, order.note)
            for name, value in (("git.sha", order.commit), ("pushed.by", order.person)):
                if value:
                    releases.tag(database, release.id, name, value)
            configs = make(kept)
            if not order.is_draft:
                _make_deltas(home, database, release.commit_id, configs, kept)
                draft = preview.draft_of(release.commit_id, composition, configs)
                for line in preview.announced(home, database, draft, time.time()):
                    kept.say(INFO, line)
            kept.confirm()
            build = Build(composition, configs, is_draft=order.is_draft)
            published = releases.publish(database, release.id, build, home.sign, time.time())
            kept.keep(INFO, f"Release {published.version} is built")
            return published
        except BaseException as error:
            status = "failed" if isinstance(error, Exception) else "cancelled"
            kept.keep(INFO, str(error) or "Cancelled")
            releases.fail(database, release.id, time.time(), status)
            raise


def configs_of(
    home: Home, database: Database, read: Project, files: Source, scratch: Path, order: Order, pusher: Pusher
) -> dict[str, bytes]:
    """Build all images; return their normalised configs by service, with their layers in the fleet's folder."""
    contexts = _Contexts(files, scratch)
    used: list[str] = []
    address, platform = home.configuration.engine, PLATFORMS[architecture(home.configuration.device_type)]

    def make(recipe: Recipe, speak: Callable[[str], None]) -> str:
        engine = Engine(address, platform)
        try:
            if recipe.image:
                return engine.take(recipe.image, say=speak)
            return engine.build(recipe, contexts.of(recipe), cached=order.cached, say=Steps(speak, used).hear)
        finally:
            engine.close()

    contexts.write(read.recipes)
    try:
        images = build_all(read.recipes, make, pusher.say, pusher.still_there)
    finally:
        built.use(database, used)
    engine, layers = Engine(address, platform), Layers(home)
    try:
        inspected = {image: _inspected(engine, service, image) for service, image in images.items()}
        size = layers.fetch(engine, list(inspected.values()))
        pusher.say(INFO, f"{len(inspected)} images; {size / 1e6:.1f} MB of new layers")
    finally:
        engine.close()
    return {service: layers.config(inspected[image]) for service, image in sorted(images.items())}


def _inspected(engine: Engine, service: str, image: str) -> Mapping[str, Any]:
    try:
        return engine.inspect(image)
    except BuildError as error:
        raise BuildError(f"{service}: the image {error}") from None


def _make_deltas(home: Home, database: Database, commit_id: str, configs: Mapping[str, bytes], pusher: Pusher) -> None:
    """Make the deltas from all that devices run; one that can't be made costs bytes, not the release."""
    target = in_order(config for _, config in sorted(configs.items()))
    bases = releases.running(database)
    if not bases:
        return
    with making(home, pusher.still_there) as from_to:
        for base in bases:
            pusher.still_there()
            path = home.delta(base.commit_id, commit_id)
            try:
                from_to(path, images_of(database, base.commit_id), target)
            except FleetError as error:
                pusher.say(INFO, f"No delta from {base.version}: {error}")
            else:
                pusher.say(INFO, f"Delta from {base.version}: {path.stat().st_size:,} bytes")


class _Contexts:
    """The files that builders are given, each written once."""

    def __init__(self, files: Source, scratch: Path) -> None:
        self._files = files
        self._scratch = scratch
        self._written: dict[tuple[str, str, str | None], Path] = {}

    def write(self, recipes: Mapping[str, Recipe]) -> None:
        for recipe in recipes.values():
            key = (recipe.context, recipe.dockerfile, recipe.text)
            if recipe.image or key in self._written:
                continue
            path = self._written[key] = self._scratch / f"context-{len(self._written)}.tar"
            replaced = {} if recipe.text is None else {recipe.dockerfile: recipe.text}
            self._files.context(recipe.context, path, recipe.dockerfile, replaced)

    def of(self, recipe: Recipe) -> Path:
        return self._written[recipe.context, recipe.dockerfile, recipe.text]


def _sweep(home: Home, database: Database) -> None:
    for left in home.builds.glob(f"{SCRATCH}*"):
        shutil.rmtree(left, ignore_errors=True)
    deployed = deploys.going_on(database)
    for release in releases.everyone(database):
        if release.status == "running" and release.id not in deployed:
            releases.fail(database, release.id, time.time())


def _lock(home: Home) -> Path:
    return home.builds / ".lock"
