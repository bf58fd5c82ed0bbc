"""Send less: zstd, gzip, or (RFC 9842, "dcz") zstd against an earlier answer that the client still has.

Our agent sends its reports as dcz, too: each against the one before, the first against nothing.

dcz      5e 2a 4d 18 20 00 00 00 · sha256 of the dictionary (32) · a zstd frame
request  Accept-Encoding: dcz, zstd    Available-Dictionary: :<base64 of the sha256 of the earlier body>:
"""

import base64
import gzip
import hashlib
import zlib
from collections import OrderedDict

from aiohttp import web

from picket_fleet.deltas.codec import compress, dcz, decompress
from picket_fleet.errors import DeltaError

KEPT_BYTES = 16 << 20
NOTHING = hashlib.sha256(b"").digest()


class Dictionaries:
    """The last answers and reports, by their sha256."""

    def __init__(self) -> None:
        """Begin with none."""
        self._bodies: OrderedDict[bytes, bytes] = OrderedDict()
        self._bytes = 0

    def keep(self, body: bytes) -> None:
        """Keep an answer, and forget those sent longest ago."""
        digest = hashlib.sha256(body).digest()
        if digest not in self._bodies:
            self._bodies[digest] = body
            self._bytes += len(body)
        self._bodies.move_to_end(digest)
        while self._bytes > KEPT_BYTES:
            self._bytes -= len(self._bodies.popitem(last=False)[1])

    def find(self, header: str) -> bytes | None:
        """Return the answer that an Available-Dictionary header means."""
        try:
            return self.get(base64.b64decode(header.strip().strip(":"), validate=True))
        except ValueError:
            return None

    def get(self, digest: bytes) -> bytes | None:
        """Return what has this sha256, if it is still here; nothing always is."""
        return b"" if digest == NOTHING else self._bodies.get(digest)


def answer(request: web.Request, body: bytes, dictionaries: Dictionaries) -> web.Response:
    """Answer with JSON, as small as the client can read it; it may be the dictionary of the next answer."""
    accepted = _accepted(request.headers.get("Accept-Encoding", ""))
    dictionary = dictionaries.find(request.headers.get("Available-Dictionary", "")) if "dcz" in accepted else None
    if "dcz" in accepted:
        dictionaries.keep(body)
    encoding, sent = "", body
    if dictionary is not None:
        encoding, sent = "dcz", dcz(body, dictionary)
    elif "zstd" in accepted:
        encoding, sent = "zstd", compress(body)
    elif "gzip" in accepted:
        encoding, sent = "gzip", gzip.compress(body, mtime=0)
    headers = {"Content-Encoding": encoding} if encoding else {}
    return web.Response(body=sent, content_type="application/json", headers=headers)


async def body_of(request: web.Request, most_bytes: int, dictionaries: Dictionaries) -> bytes:
    """Return a request's body, unpacked where it is packed; raises HTTPException for one broken or too large.

    One in dcz may be the dictionary of the next. Where a dictionary is not here any more (415), it has to do without.
    """
    data = await request.read()
    encoding = request.headers.get("Content-Encoding", "identity").lower()
    try:
        if encoding == "gzip":
            unpacker = zlib.decompressobj(wbits=16 + zlib.MAX_WBITS)
            data = unpacker.decompress(data, most_bytes + 1)
        elif encoding == "zstd":
            data = decompress(data, b"", most_bytes)
        elif encoding == "dcz":
            dictionary = dictionaries.get(data[8:40])
            if dictionary is None:
                raise web.HTTPUnsupportedMediaType(text="dcz: that dictionary is not here any more")
            data = decompress(data[40:], dictionary, most_bytes)
            dictionaries.keep(data)
        elif encoding != "identity":
            raise web.HTTPUnsupportedMediaType(text="Content-Encoding: gzip, zstd, dcz or none")
    except (zlib.error, DeltaError):
        raise web.HTTPBadRequest(text=f"not {encoding}, or too large") from None
    if len(data) > most_bytes:
        raise web.HTTPRequestEntityTooLarge(most_bytes)
    return data


def _accepted(header: str) -> set[str]:
    offers = (offer.replace(" ", "").partition(";") for offer in header.lower().split(","))
    return {name for name, _, quality in offers if quality not in ("q=0", "q=0.0")}
