"""Make a delta: contents that the base has are copied, the others are compressed against their older selves."""

import hashlib
import re
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from picket_fleet.deltas.codec import blob, number, numbers, packed, signed
from picket_fleet.deltas.columns import columns_of, columns_of_twin, columns_prefix, time_steps
from picket_fleet.deltas.headers import IrregularError
from picket_fleet.deltas.layers import Layer, Whole
from picket_fleet.deltas.release import MAGIC, Image, config_prefix, fingerprint, layers_of

FRAME_BYTES = 2 << 20

Open = Callable[[str], Layer]


class Place(NamedTuple):
    """A file of the base: its layer's number, and its own in there."""

    layer: int
    file: int


class Source(NamedTuple):
    """A part of a file of the base."""

    place: Place
    offset: int
    length: int


def make(base: Sequence[Image], target: Sequence[Image], open_layer: Open) -> bytes:
    """Return the delta from `base` to `target`; `open_layer` finds the layers of both by their diff ids."""
    known = layers_of(base)
    new = [diff_id for diff_id in layers_of(target) if diff_id not in set(known)]
    old = Base([open_layer(diff_id) for diff_id in known]) if new else Base([])
    layers = b"".join(blob(bytes.fromhex(diff_id) + old.layer(open_layer(diff_id))) for diff_id in new)
    place = {image.id: index for index, image in enumerate(base)}
    fresh = [image for image in target if image.id not in place]
    entries = (
        number(place[image.id] + 1) if image.id in place else number(0) + number(len(image.config)) for image in target
    )
    images = b"".join((number(len(target)), *entries, *(image.config for image in fresh)))
    return b"".join((MAGIC, fingerprint(base), number(len(new)), layers, packed(images, config_prefix(base, new))))


class Base:
    """The base's layers, and where in them what is to be found."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        """Read what files there are; contents are read when there are others of their size."""
        self.layers = layers
        self._digests: dict[Place, bytes] = {}
        self._by_size: dict[int, list[Place]] = defaultdict(list)
        self._by_likeness: dict[str, list[Place]] = defaultdict(list)
        for index, layer in enumerate(layers):
            for file, (name, size) in enumerate(layer.files):
                place = Place(index, file)
                self._by_size[size].append(place)
                for likeness in _likenesses(name):
                    self._by_likeness[likeness].append(place)

    def layer(self, new: Layer) -> bytes:
        """Return a new layer as the delta has it, without its diff id."""
        try:
            columns = columns_of(new)
        except IrregularError:
            new = Whole(new)
            columns = columns_of(new)
        twin = self._twin(new)
        like = columns_of_twin(self.layers[twin - 1] if twin else None)
        runs, frames = self._contents(new, twin - 1)
        times = time_steps(columns.times, like.times)
        parts = blob(runs) + blob(times) + blob(numbers(columns.lengths + columns.sizes)) + columns.headers
        size = sum(columns.lengths) + sum(columns.sizes)
        return number(size) + number(twin) + packed(parts, columns_prefix(like)) + frames

    def _twin(self, new: Layer) -> int:
        """Return one more than the number of the layer with most of the paths, then the nearest count; 0 for none."""
        if not self.layers:
            return 0
        names = {file.name for file in new.files}
        shared = [len(names & {file.name for file in layer.files}) for layer in self.layers]
        distance = [abs(len(layer.files) - len(new.files)) for layer in self.layers]
        return 1 + max(range(len(self.layers)), key=lambda index: (shared[index], -distance[index]))

    def _contents(self, new: Layer, twin: int) -> tuple[bytes, bytes]:
        runs: list[Run] = []
        frames = Frames(self)
        for file, (name, size) in enumerate(new.files):
            same = self._same(new, file, twin)
            if same:
                extend_copied(runs, same)
                continue
            extend_fresh(runs)
            older = self._older(name, size, twin)
            for offset in range(0, size, FRAME_BYTES):
                frames.add(new.read(file, offset, min(FRAME_BYTES, size - offset)), self._sources(older, offset, size))
        return encode_runs(runs), frames.encode()

    def _same(self, new: Layer, file: int, twin: int) -> Place | None:
        """Return where the same contents stand, under the same path in the twin at best."""
        name, size = new.files[file]
        if not (places := self._by_size.get(size)):
            return None
        digest = _digest(new, file)
        return min(
            (place for place in places if self._digest(place) == digest),
            key=lambda place: (self.layers[place.layer].files[place.file].name != name, place.layer != twin),
            default=None,
        )

    def _digest(self, place: Place) -> bytes:
        if place not in self._digests:
            self._digests[place] = _digest(self.layers[place.layer], place.file)
        return self._digests[place]

    def _older(self, name: str, size: int, twin: int) -> Place | None:
        """Return what a file most likely was before."""
        places = next(filter(None, map(self._by_likeness.get, _likenesses(name))), [])
        return min(places, key=lambda p: (p.layer != twin, abs(self._size(p) - size)), default=None)

    def _sources(self, older: Place | None, offset: int, size: int) -> list[Source]:
        """Return the part of the older file that a frame from `offset` on is compressed against."""
        if older is None:
            return []
        old_size = self._size(older)
        if size <= FRAME_BYTES and old_size <= 2 * FRAME_BYTES:
            return [Source(older, 0, old_size)]
        begin = max(0, offset * old_size // size - FRAME_BYTES // 2)
        return [Source(older, begin, min(old_size - begin, 2 * FRAME_BYTES))]

    def _size(self, place: Place) -> int:
        return self.layers[place.layer].files[place.file].size

    def read(self, source: Source) -> bytes:
        """Return the bytes of a source."""
        return self.layers[source.place.layer].read(source.place.file, source.offset, source.length)

    def is_whole(self, source: Source) -> bool:
        """Tell whether a source is all of its file."""
        return source.offset == 0 and source.length == self._size(source.place)


class Run(NamedTuple):
    """So many contents in a row, from a place in the base on, or (None) out of the frames."""

    length: int
    place: Place | None


class Frames:
    """Fills frames with contents, and says what each is compressed against."""

    def __init__(self, base: Base) -> None:
        """Begin with none."""
        self._base = base
        self._done: list[bytes] = []
        self._data: list[bytes] = []
        self._sources: list[Source] = []

    def add(self, data: bytes, sources: list[Source]) -> None:
        """Add at most FRAME_BYTES of contents."""
        held = sum(map(len, self._data))
        old = sum(source.length for source in self._sources)
        if held and (held + len(data) > FRAME_BYTES or old > FRAME_BYTES):
            self._close()
        self._data.append(data)
        self._sources += sources

    def encode(self) -> bytes:
        """Return all frames as the delta has them."""
        if self._data:
            self._close()
        return number(len(self._done)) + b"".join(self._done)

    def _close(self) -> None:
        data = b"".join(self._data)
        prefix = b"".join(map(self._base.read, self._sources))
        self._done.append(self._encoded_sources() + packed(data, prefix))
        self._data, self._sources = [], []

    def _encoded_sources(self) -> bytes:
        out = [number(len(self._sources))]
        expected = 0
        for source in self._sources:
            whole = self._base.is_whole(source)
            out.append(number(source.place.layer << 1 | (not whole)) + signed(source.place.file - expected))
            out.append(b"" if whole else number(source.offset) + number(source.length))
            expected = source.place.file + 1
        return b"".join(out)


def extend_copied(runs: list[Run], place: Place) -> None:
    """Let one more content be a copy."""
    last = runs[-1] if runs else None
    if last and last.place and last.place._replace(file=last.place.file + last.length) == place:
        runs[-1] = last._replace(length=last.length + 1)
    else:
        runs.append(Run(1, place))


def extend_fresh(runs: list[Run]) -> None:
    """Let one more content come from the frames."""
    if runs and runs[-1].place is None:
        runs[-1] = runs[-1]._replace(length=runs[-1].length + 1)
    else:
        runs.append(Run(1, None))


def encode_runs(runs: Sequence[Run]) -> bytes:
    """Write runs."""
    out, expected = [], 0
    for run in runs:
        if run.place is None:
            out.append(number(run.length << 1 | 1))
        else:
            out.append(number(run.length << 1) + number(run.place.layer) + signed(run.place.file - expected))
            expected = run.place.file + run.length
    return b"".join(out)


def _digest(layer: Layer, file: int) -> bytes:
    digest = hashlib.sha256()
    size = layer.files[file].size
    for offset in range(0, size, 1 << 20):
        digest.update(layer.read(file, offset, min(1 << 20, size - offset)))
    return digest.digest()


def _likenesses(name: str) -> tuple[str, ...]:
    """Return by what an older self may be known: its path, that of another version, and its last part after a move."""
    shape = re.sub(r"[0-9a-f]{8,}|\d+", "#", name)  # versions, and digests as in libzmq-82f916e6.so.5.2.5
    return tuple(dict.fromkeys((name, shape, shape.rpartition("/")[2])))
