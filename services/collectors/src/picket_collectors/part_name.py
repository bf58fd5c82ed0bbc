"""What a part of a source is called: `Living room/lamp` is `living_room_lamp`."""

import re
import unicodedata

LONGEST = 40


def part_name(text: str) -> str:
    """Return a name for the bus; "" where there is no letter or digit in it."""
    plain = unicodedata.normalize("NFKD", text).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "_", plain.lower()).strip("_")[:LONGEST].rstrip("_")
