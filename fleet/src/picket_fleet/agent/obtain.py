"""Bring a release's images onto the engine: by the delta, else by the layers that it lacks."""

import ctypes
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from picket_fleet.agent.device import Device
from picket_fleet.agent.engine import Engine
from picket_fleet.agent.errors import AgentError, ServerError, SpaceError
from picket_fleet.agent.folder import Folder
from picket_fleet.agent.server import Server
from picket_fleet.agent.target import Offer, Release
from picket_fleet.deltas.apply import Delta
from picket_fleet.deltas.load import Content, DamagedLayerError, EngineLayers, archive, from_file, from_layer, lacking
from picket_fleet.deltas.release import Image, layers_of
from picket_fleet.errors import DeltaError

PIECE = 1 << 18
UNPACKED = 2  # the engine first keeps the archive, then takes it apart


class Watch(NamedTuple):
    """Who is told of a download: how far it is (0..100); and who raises ChangedError when it is wanted no more."""

    went: Callable[[int], None]
    cancelled: Callable[[], None]


class Obtaining:
    """Downloads and loads; what an earlier try left in the downloads is used."""

    def __init__(self, device: Device, folder: Folder, engine: Engine, server: Server) -> None:
        """Begin with nothing known to be damaged."""
        self._reserve_bytes = device.settings.reserve_bytes
        self._folder, self._engine, self._server = folder, engine, server
        self._cancelled: Callable[[], None] = lambda: None
        self._refused: set[str] = set()  # names of deltas that do not do
        self._damaged: set[str] = set()  # diff ids of the engine's layers that can't be used

    def is_base(self, release: Release, images: frozenset[str]) -> bool:
        """Tell whether a delta from this release could be applied."""
        return all(image in images and self._folder.config(image) for image in release.image_ids)

    def download(self, release: Release, base: Release | None, offer: Offer | None, watch: Watch) -> None:
        """Download what `load` needs; raises AgentError, and ServerGoneError where it goes on at the next try."""
        delta = self._delta_file(release, base)
        if delta and not delta.exists() and base:
            self._download_delta(release, base, offer, delta, watch)
        if delta and delta.exists():
            return
        self._download_layers(release, watch)

    def load(self, release: Release, base: Release | None, cancelled: Callable[[], None]) -> None:
        """Load what was downloaded; raises AgentError where another try does better."""
        self._cancelled = cancelled
        delta = self._delta_file(release, base)
        try:
            if delta and base and delta.exists():
                self._load_delta(release, base, delta)
            else:
                self._load_layers(release)
        except DeltaError as error:
            if isinstance(error, DamagedLayerError):
                self._damaged.add(error.diff_id)
                self._layer_file(error.diff_id).unlink(missing_ok=True)
            if delta and delta.exists():
                self._refused.add(delta.name)
                delta.unlink()
                raise AgentError(f"the delta does not do ({error}), so the layers are downloaded") from None
            raise AgentError(str(error)) from None
        finally:
            with suppress(AttributeError):
                ctypes.CDLL(None).malloc_trim(0)  # an agent at rest is to be small again

    def _delta_file(self, release: Release, base: Release | None) -> Path | None:
        if base is None:
            return None
        file = self._folder.downloads / f"{base.commit}-{release.commit}"
        return None if file.name in self._refused else file

    def _layer_file(self, diff_id: str) -> Path:
        return self._folder.downloads / f"{diff_id}.tar.zst"

    def _download_delta(self, release: Release, base: Release, offer: Offer | None, file: Path, watch: Watch) -> None:
        if offer and offer.data is not None and offer.base == base.commit:
            self._check_space(file.parent, offer.size)
            file.write_bytes(offer.data)
            return
        try:
            self._fetch(f"/delta/{base.commit}/{release.commit}", file, watch, 0, 1)
        except ServerError as error:
            if error.status not in (404, 410):
                raise
            self._refused.add(file.name)

    def _download_layers(self, release: Release, watch: Watch) -> None:
        images = [self._image(image) for image in release.image_ids]
        layers = self._engine_layers()
        needed = [
            diff_id for diff_id in lacking(images, layers.chains) if diff_id in self._damaged or not layers.has(diff_id)
        ]
        for index, diff_id in enumerate(needed):
            file = self._layer_file(diff_id)
            if not file.exists():
                self._fetch(f"/layer/{diff_id}", file, watch, index, len(needed))
        self._folder.clear_downloads(self._layer_file(diff_id).name for diff_id in needed)

    def _fetch(self, path: str, file: Path, watch: Watch, index: int, count: int) -> None:
        def went(got: int, size: int) -> None:
            watch.went(int(100 * (index + got / max(size, 1)) / count))

        def check_space(size: int) -> None:
            self._check_space(file.parent, size)

        self._server.download(path, file, check_space, went, watch.cancelled)

    def _image(self, image: str) -> Image:
        config = self._folder.config(image) or self._server.config(image)
        if hashlib.sha256(config).hexdigest() != image:
            self._folder.forget_image(image)
            raise AgentError(f"the config of image {image[:12]} came damaged")
        self._folder.keep_config(image, config)
        return Image.of(config)

    def _load_delta(self, release: Release, base: Release, file: Path) -> None:
        before = [self._image(image) for image in base.image_ids]
        delta = Delta(file.read_bytes(), before)
        after = {image.id: image for image in delta.images}
        if not after.keys() >= set(release.image_ids):
            raise DeltaError("it is for another release")
        layers = self._engine_layers(before)
        new = {layer.diff_id: layer for layer in delta.layers}

        def content(diff_id: str) -> Content:
            if layer := new.get(diff_id):
                return Content(layer.size, lambda: delta.rebuild(layer, layers.open))
            return from_layer(diff_id, layers.open(diff_id))

        images = [after[image] for image in release.image_ids]
        self._load(release, images, layers, content)

    def _load_layers(self, release: Release) -> None:
        images = [self._image(image) for image in release.image_ids]
        layers = self._engine_layers()

        def content(diff_id: str) -> Content:
            file = self._layer_file(diff_id)
            return from_file(diff_id, file) if file.exists() else from_layer(diff_id, layers.open(diff_id))

        self._load(release, images, layers, content)

    def _load(
        self, release: Release, images: Sequence[Image], layers: EngineLayers, content: Callable[[str], Content]
    ) -> None:
        needed = lacking(images, layers.chains)
        contents = {diff_id: content(diff_id) for diff_id in needed}
        self._check_space(layers.root, UNPACKED * sum(content.size for content in contents.values()))
        tags: dict[str, list[str]] = {}
        for service, image in release.images.items():
            tags.setdefault(image, []).append(f"picket/{service.lower()}:{release.commit[:12]}")
        for brought in images:
            self._folder.keep_config(brought.id, brought.config)
        self._engine.load(self._until_cancelled(archive(images, needed, contents.__getitem__, tags)))
        present = {entry["Id"].removeprefix("sha256:") for entry in self._engine.get("/images/json", all=1)}
        if absent := [image.id for image in images if image.id not in present]:
            raise AgentError(f"the engine has not taken image {absent[0][:12]}")

    def _until_cancelled(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        """Yield the pieces, small ones together."""
        together = bytearray()
        for piece in pieces:
            together += piece
            if len(together) >= PIECE:
                self._cancelled()
                yield bytes(together)
                together.clear()
        yield bytes(together)

    def _engine_layers(self, base: Sequence[Image] = ()) -> EngineLayers:
        """Find the engine's layers; of a base, a copy is made where they can't be read."""
        entries = self._engine.get("/images/json", all=1)
        ids = [self._engine.get(f"/images/{entry['Id']}/json")["RootFS"].get("Layers") or [] for entry in entries]
        images = [[layer.removeprefix("sha256:") for layer in layers] for layers in ids]
        layers = EngineLayers(Path(self._engine.get("/info")["DockerRootDir"]), images)
        if base and not layers.are_readable:
            folder = self._folder.downloads / "copies"
            folder.mkdir(exist_ok=True)
            names = [image.id for image in base]
            size = sum(self._engine.get(f"/images/{name}/json")["Size"] for name in names)
            self._check_space(folder, size)
            layers.copy(self._engine.stream("/images/get", names=names), layers_of(base), folder)
        return layers

    def _check_space(self, folder: Path, size: int) -> None:
        """Raise SpaceError when so much more does not fit."""
        while not folder.exists():
            folder = folder.parent
        disk = os.statvfs(folder)
        free = disk.f_bavail * disk.f_frsize
        if free < size + self._reserve_bytes:
            need = (size + self._reserve_bytes) >> 20
            raise SpaceError(f"the disk is too full: {need} MB are needed, {free >> 20} MB are free")
