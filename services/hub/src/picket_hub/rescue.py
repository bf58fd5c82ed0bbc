"""Read what is left of a broken journal: every page by itself, so that a broken one costs only what stood on it.

Nothing but the pages is believed, not the header and not the tree: a row is true when its checksum says so, wherever
it is found. From SQLite's file format (sqlite.org/fileformat2.html), as this journal writes it:

    page         0d | first free u16 | rows u16 | content u16 | fragments u8 | offset u16 of each row    (a table leaf)
                 page 1 has the file's header of 100 bytes before it; offsets count from the page's begin
    row          payload bytes varint | id varint | payload, as far as it fits | first overflow page u32, if it does not
    overflow     next page u32 (0: the last) | payload
    payload      header bytes varint | type varint of each column | each column
    type         0 null, 1-6 int of 1 2 3 4 6 8 bytes, 8 and 9 the ints 0 and 1, from 12 blob (even) or text (odd)
    log (WAL)    32 bytes: magic u32, version u32, page bytes u32, checkpoint u32, salt 8 bytes, checksums 8 bytes
    log's frame  page number u32 | not 0: a commit u32 | salt 8 bytes | checksums 8 bytes | page
"""

import os
import struct
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from picket_hub.layout import PAGE_BYTES, is_mark, is_message

TABLE_LEAF = 0x0D
FILE_HEADER_BYTES = 100
LOG_HEADER_BYTES = 32
FRAME_HEADER = struct.Struct(">II8s8s")
INT_BYTES = {1: 1, 2: 2, 3: 3, 4: 4, 5: 6, 6: 8}
LOCAL_BYTES = PAGE_BYTES - 35  # a longer payload overflows, and then at least the least of it is local
LEAST_LOCAL_BYTES = (PAGE_BYTES - 12) * 32 // 255 - 23
MAX_PAYLOAD_BYTES = 1_000_000


class Message(NamedTuple):
    """A true row of `messages`."""

    id: int
    topic: str
    time_ns: int
    body: bytes


class Mark(NamedTuple):
    """A true row of `marks`."""

    kind: str
    name: str
    number: int
    text: str


class Remains:
    """A broken file, and the log that was found with it."""

    def __init__(self, file: Path) -> None:
        """Open both for reading; raises OSError."""
        self._file = file.open("rb", buffering=0)
        log = file.with_name(file.name + "-wal")
        self._log = log.open("rb", buffering=0) if log.exists() else None
        self._frames = list(self._committed_frames())
        self._newest_frame = dict(self._frames)
        self._page_count = os.fstat(self._file.fileno()).st_size // PAGE_BYTES
        self._in_order: list[tuple[int, int]] = []

    def survey(self) -> dict[tuple[str, str], Mark]:
        """Look at every page once: return of each mark the greatest, and know the order that messages come in."""
        marks: dict[tuple[str, str], Mark] = {}
        self._in_order.clear()
        for index in range(self._page_count + len(self._frames)):
            first = None
            for row in self._rows_of(index):
                if isinstance(row, Message):
                    first = min(row.id, first or row.id)
                elif row.number >= marks.get((row.kind, row.name), row).number:
                    marks[row.kind, row.name] = row
            if first is not None:
                self._in_order.append((first, index))
        self._in_order.sort()
        return marks

    def messages(self) -> Iterator[Message]:
        """Yield every true message that the survey saw, the oldest first, some of them more than once."""
        for _, index in self._in_order:
            for row in self._rows_of(index):
                if isinstance(row, Message):
                    yield row

    def close(self) -> None:
        """Close both."""
        self._file.close()
        if self._log:
            self._log.close()

    def _committed_frames(self) -> Iterator[tuple[int, int]]:
        """Yield page number and offset of what the log holds of its last round, up to its last commit."""
        if not self._log:
            return
        waiting = []
        salt = None
        offset = LOG_HEADER_BYTES
        while len(header := _read(self._log, offset, FRAME_HEADER.size)) == FRAME_HEADER.size:
            number, commit, frame_salt, _ = FRAME_HEADER.unpack(header)
            salt = salt or frame_salt
            if frame_salt == salt:
                waiting.append((number, offset + FRAME_HEADER.size))
                if commit:
                    yield from waiting
                    waiting.clear()
            offset += FRAME_HEADER.size + PAGE_BYTES

    def _rows_of(self, index: int) -> Iterator[Message | Mark]:
        """Yield what is true on a page of the file or, after those, of the log."""
        if index < self._page_count:
            number, page = index + 1, _read(self._file, index * PAGE_BYTES)
        else:
            number, offset = self._frames[index - self._page_count]
            page = _read(self._log, offset)
        begin = FILE_HEADER_BYTES if number == 1 else 0
        if len(page) < PAGE_BYTES or page[begin] != TABLE_LEAF:
            return
        count = int.from_bytes(page[begin + 3 : begin + 5])
        for place in range(min(count, PAGE_BYTES // 4)):
            pointer = begin + 8 + 2 * place
            try:
                row = self._row_at(page, int.from_bytes(page[pointer : pointer + 2]))
            except (IndexError, struct.error, UnicodeDecodeError):
                continue
            if row:
                yield row

    def _row_at(self, page: bytes, at: int) -> Message | Mark | None:
        size, at = _varint(page, at)
        number, at = _varint(page, at)
        if not 0 < size < MAX_PAYLOAD_BYTES:
            return None
        columns = list(_columns(self._payload(page, at, size)))
        if len(columns) != 6:
            return None
        _, second, third, fourth, fifth, crc = columns
        if is_message(number, second, third, fifth, crc):
            return Message(number, second, third, fifth)
        if is_mark(second, third, fourth, fifth, crc):
            return Mark(second, third, fourth, fifth)
        return None

    def _payload(self, page: bytes, at: int, size: int) -> bytes:
        if size <= LOCAL_BYTES:
            return page[at : at + size]
        local = LEAST_LOCAL_BYTES + (size - LEAST_LOCAL_BYTES) % (PAGE_BYTES - 4)
        local = local if local <= LOCAL_BYTES else LEAST_LOCAL_BYTES
        parts = [page[at : at + local]]
        following = int.from_bytes(page[at + local : at + local + 4])
        left = size - local
        while left > 0 and following:
            overflow = self._page(following)
            parts.append(overflow[4 : 4 + left])
            left -= PAGE_BYTES - 4
            following = int.from_bytes(overflow[:4])
        return b"".join(parts)

    def _page(self, number: int) -> bytes:
        offset = self._newest_frame.get(number)
        return _read(self._log, offset) if offset else _read(self._file, (number - 1) * PAGE_BYTES)


def _read(file: Any, offset: int, count: int = PAGE_BYTES) -> bytes:
    """Read a piece; what the card no longer gives is empty."""
    try:
        return os.pread(file.fileno(), count, offset)
    except OSError:
        return b""


def _varint(raw: bytes, at: int) -> tuple[int, int]:
    """Return the number at an offset, and the offset after it."""
    found = 0
    for index in range(8):
        found = found << 7 | raw[at + index] & 0x7F
        if raw[at + index] < 0x80:
            return found, at + index + 1
    return found << 8 | raw[at + 8], at + 9


def _columns(payload: bytes) -> Iterator[Any]:
    header_bytes, at = _varint(payload, 0)
    begin = header_bytes
    while at < header_bytes:
        kind, at = _varint(payload, at)
        if kind >= 12:
            value = payload[begin : begin + (kind - 12) // 2]
            begin += (kind - 12) // 2
            yield value.decode() if kind % 2 else value
        elif count := INT_BYTES.get(kind):
            yield int.from_bytes(payload[begin : begin + count], signed=True)
            begin += count
        else:
            yield {8: 0, 9: 1}.get(kind)
