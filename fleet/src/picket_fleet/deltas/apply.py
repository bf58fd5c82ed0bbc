"""Apply a delta: rebuild each new layer as a stream, in the memory of a frame, and check it against its diff id."""

import hashlib
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, TypeVar

from picket_fleet.deltas.codec import Reader
from picket_fleet.deltas.columns import columns_of_twin, columns_prefix, times_from
from picket_fleet.deltas.headers import Columns, fill
from picket_fleet.deltas.layers import Layer
from picket_fleet.deltas.make import FRAME_BYTES
from picket_fleet.deltas.release import MAGIC, Image, config_prefix, fingerprint, layers_of
from picket_fleet.errors import DeltaError

PIECE = 1 << 20
MOST_SOURCE_BYTES = 4 * FRAME_BYTES

Open = Callable[[str], Layer]
Item = TypeVar("Item")


class NewLayer(NamedTuple):
    """A layer that the base lacks: its diff id, the size of its tar, and what it is made of."""

    diff_id: str
    size: int
    recipe: bytes


class Delta:
    """A delta that fits a base; raises DeltaError for one that does not, or that can't be read."""

    def __init__(self, data: bytes, base: Sequence[Image]) -> None:
        """Read all but the layers' recipes."""
        reader = Reader(data)
        if reader.take(len(MAGIC)) != MAGIC:
            raise DeltaError("no delta of this kind")
        if reader.take(8) != fingerprint(base):
            raise DeltaError("made for another base")
        self._diff_ids = layers_of(base)
        self.layers = [_new_layer(reader.blob()) for _ in range(reader.number())]
        self.images = _images(reader, base, [layer.diff_id for layer in self.layers])

    def rebuild(self, layer: NewLayer, open_layer: Open) -> Iterator[bytes]:
        """Yield a new layer's tar; raises DeltaError after the last piece if it is not what its diff id says."""
        digest, size = hashlib.sha256(), 0
        try:
            for piece in _Recipe(layer.recipe, self._diff_ids, open_layer).pieces():
                size += len(piece)
                if size > layer.size:
                    break
                digest.update(piece)
                yield piece
        except (IndexError, OSError) as error:
            raise DeltaError(f"layer {layer.diff_id[:12]}: {error}") from None
        if (size, digest.hexdigest()) != (layer.size, layer.diff_id):
            raise DeltaError(f"layer {layer.diff_id[:12]} does not come out as it should")


def _new_layer(data: bytes) -> NewLayer:
    reader = Reader(data)
    return NewLayer(reader.take(32).hex(), reader.number(), reader.rest())


def _images(reader: Reader, base: Sequence[Image], new_layers: Sequence[str]) -> list[Image]:
    """Read the images; what their ids are follows from the configs."""
    images = Reader(reader.packed(config_prefix(base, new_layers)))
    entries: list[Image | int] = []
    for _ in range(images.number()):
        word = images.number()
        entries.append(_at(base, word - 1) if word else images.number())
    return [entry if isinstance(entry, Image) else _image(images.take(entry)) for entry in entries]


def _columns(headers: bytes, lengths: Reader, times: list[int]) -> Columns:
    values = []
    while not lengths.at_end:
        values.append(lengths.number())
    files = len(values) // 2
    columns = Columns(headers, values[: files + 1], values[files + 1 :], times)
    if len(values) % 2 == 0 or sum(columns.lengths) != len(headers):
        raise DeltaError("the lengths do not fit the headers")
    return columns


def _at(items: Sequence[Item], index: int) -> Item:
    if not 0 <= index < len(items):
        raise DeltaError("it names what the base does not have")
    return items[index]


def _image(config: bytes) -> Image:
    try:
        return Image.of(config)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise DeltaError("the config of an image does not come out as it should") from None


class _Recipe:
    """What one layer is made of."""

    def __init__(self, recipe: bytes, diff_ids: Sequence[str], open_layer: Open) -> None:
        self._diff_ids = diff_ids
        self._open = open_layer
        self._opened: dict[int, Layer] = {}
        reader = Reader(recipe)
        twin = reader.number()
        like = columns_of_twin(self._layer(twin - 1) if twin else None)
        prefix, times_before = columns_prefix(like), like.times
        del like  # headers are the largest thing here: as few copies of them as can be at a time
        parts = Reader(reader.packed(prefix))
        del prefix
        self._runs = Reader(parts.blob())
        times = times_from(parts.blob(), times_before)
        lengths = Reader(parts.blob())
        columns = _columns(parts.rest(), lengths, times)
        self._sizes = columns.sizes
        self._gaps = fill(columns)
        self._frames = reader

    def pieces(self) -> Iterator[bytes]:
        """Yield the tar."""
        fresh = _Stream(self._frame() for _ in range(self._frames.number()))
        sizes = iter(self._sizes)
        expected = 0
        while not self._runs.at_end:
            word = self._runs.number()
            if word & 1:
                for _ in range(word >> 1):
                    yield next(self._gaps, b"")
                    yield from fresh.next(next(sizes, 0))
                continue
            layer = self._layer(self._runs.number())
            first = expected + self._runs.signed()
            expected = first + (word >> 1)
            for file in range(first, expected):
                yield next(self._gaps, b"")
                size = _at(layer.files, file).size
                for offset in range(0, size, PIECE):
                    yield layer.read(file, offset, min(PIECE, size - offset))
                next(sizes, 0)
        yield next(self._gaps, b"")

    def _frame(self) -> bytes:
        sources, expected, total = [], 0, 0
        for _ in range(self._frames.number()):
            word = self._frames.number()
            layer = self._layer(word >> 1)
            file = expected + self._frames.signed()
            expected = file + 1
            size = _at(layer.files, file).size
            offset, part = (self._frames.number(), self._frames.number()) if word & 1 else (0, size)
            total += part
            if total > MOST_SOURCE_BYTES:
                raise DeltaError("a frame against too much")
            sources.append(layer.read(file, offset, part))
        return self._frames.packed(b"".join(sources), most=FRAME_BYTES)

    def _layer(self, index: int) -> Layer:
        if index not in self._opened:
            self._opened[index] = self._open(_at(self._diff_ids, index))
        return self._opened[index]


class _Stream:
    """Frames as one stream of bytes."""

    def __init__(self, frames: Iterator[bytes]) -> None:
        self._frames = frames
        self._rest = memoryview(b"")

    def next(self, length: int) -> Iterator[bytes]:
        """Yield the next so many bytes; raises DeltaError where there are no more."""
        while length:
            if not self._rest:
                self._rest = memoryview(next(self._frames, b""))
                if not self._rest:
                    raise DeltaError("it ends too early")
            piece, self._rest = self._rest[:length], self._rest[length:]
            length -= len(piece)
            yield bytes(piece)
