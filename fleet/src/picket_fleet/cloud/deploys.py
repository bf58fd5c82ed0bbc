"""The releases that are being deployed: who builds them elsewhere, and what was pushed for them so far.

They live in the server's memory: one that is cut off by its end is begun anew by who deploys.
"""

import itertools
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass
class Image:
    """An image that is to be pushed to `location`; `manifest` is the digest of what was."""

    service: str
    location: str
    manifest: str = ""


@dataclass
class Deploy:
    """A release to come, with its images by their ids."""

    composition: Mapping[str, Any]
    is_draft: bool
    person: str
    images: dict[int, Image] = field(default_factory=dict)
    is_ending: bool = False  # its images are being taken over


class Deploys:
    """Those that go on, by the ids of their releases."""

    def __init__(self) -> None:
        """Begin with none."""
        self.going_on: dict[int, Deploy] = {}
        self._loose: dict[int, Image] = {}  # which release they are of is said later
        self._numbers = itertools.count(1)

    def add_image(self, service: str) -> tuple[int, Image]:
        """Return a new image and its id."""
        number, image = next(self._numbers), Image(service, secrets.token_hex(16))
        self._loose[number] = image
        return number, image

    def join(self, number: int, release: int) -> None:
        """Make an image part of a release; raises KeyError where one of them is unknown."""
        self.going_on[release].images[number] = self._loose.pop(number)

    def at(self, location: str) -> Image | None:
        """Return the image that is to be pushed there."""
        return next(
            (i for d in self.going_on.values() for i in d.images.values() if i.location == location),
            None,
        )
