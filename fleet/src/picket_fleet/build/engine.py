"""The container engine that builds: its classic builder, which balena's builders are."""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import IO, Any, cast

import docker
from docker.errors import APIError, DockerException, ImageNotFound
from docker.utils import parse_repository_tag
from requests import RequestException
from urllib3.exceptions import HTTPError

from picket_fleet.build.errors import BuildError
from picket_fleet.build.project import Recipe

Say = Callable[[str], None]
NOISE = re.compile(r"Downloading|Extracting|Waiting|Verifying Checksum|Download complete|Pulling fs layer")
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
BUILD_SECONDS = 6 * 3600


class Engine:
    """A connection to an engine; one for each thread."""

    def __init__(self, address: str, platform: str) -> None:
        """Connect; raises BuildError when no engine answers there."""
        try:
            self._api: Any = docker.APIClient(base_url=address, timeout=BUILD_SECONDS, version="auto")
            own = self._api.version()
        except DockerException as error:
            raise BuildError(f"no container engine answers at {address}: {error}") from None
        self._architecture = platform.split("/")[1]
        # Named only where it is another: an engine without a network then need not ask what a base image is for.
        self._platform = platform if own["Arch"] != self._architecture else None

    def build(self, recipe: Recipe, context: Path, *, cached: bool, say: Say) -> str:
        """Build an image and return its id; raises BuildError with what the engine says."""
        inner = recipe.dockerfile.removeprefix(f"{recipe.context}/" if recipe.context else "")
        image = ""
        with context.open("rb") as file:
            start = partial(
                self._api.build,
                fileobj=cast(IO[bytes], file),
                custom_context=True,
                dockerfile=inner,
                target=recipe.target or None,
                buildargs=dict(recipe.arguments),
                labels=dict(recipe.labels),
                extra_hosts=dict(recipe.extra_hosts) or None,
                cache_from=list(recipe.cache_from) or None,
                shmsize=recipe.shm_bytes or None,
                platform=self._platform,
                nocache=not cached,
                rm=True,
                forcerm=True,
                decode=True,
            )
            for event in _told(start, recipe.dockerfile, say):
                image = (event.get("aux") or {}).get("ID", image)
        if not image:
            raise BuildError(f"{recipe.dockerfile}: the engine names no image")
        return image

    def take(self, name: str, *, say: Say) -> str:
        """Get an image by name and return its id; where it can't be pulled, the engine's own of that name will do."""
        repository, tag = parse_repository_tag(name)
        try:
            pull = partial(self._api.pull, repository, tag or "latest", platform=self._platform)
            for _ in _told(partial(pull, stream=True, decode=True), name, say):
                pass
        except BuildError as error:
            with suppress(ImageNotFound):
                found = self._api.inspect_image(name)
                say(f"{name} can't be pulled; the engine's own is taken")
                return str(found["Id"])
            raise error
        return str(self._api.inspect_image(name)["Id"])

    def inspect(self, image: str) -> Mapping[str, Any]:
        """Return what the engine tells of an image; raises BuildError for one of another architecture."""
        try:
            found: Mapping[str, Any] = self._api.inspect_image(image)
        except (DockerException, RequestException) as error:
            raise BuildError(f"can't be looked at: {error}") from None
        if found["Architecture"] != self._architecture or found["Os"] != "linux":
            raise BuildError(
                f"is for {found['Os']}/{found['Architecture']}, the fleet's devices have {self._architecture}"
            )
        return found

    def remove(self, image: str) -> bool:
        """Remove an image that has no name; returns False where something still needs it."""
        try:
            found = self._api.inspect_image(image)
            if not found.get("RepoTags") and not found.get("RepoDigests"):
                self._api.remove_image(found["Id"], noprune=True)
        except ImageNotFound:
            return True
        except APIError:
            return False
        except (DockerException, RequestException) as error:
            raise BuildError(f"the engine does not answer any more: {error}") from None
        return True

    def root(self) -> Path:
        """Return the folder of the engine's data, where it is on this machine."""
        return Path(self._api.info()["DockerRootDir"])

    def save(self, images: list[str]) -> IO[bytes]:
        """Return images as one tar (`docker save`), as a stream."""
        response = self._api.get(f"{self._api.base_url}/images/get", params={"names": images}, stream=True)
        if not response.ok:
            raise BuildError(f"the engine gives no image out: {response.text[:300]}")
        return cast(IO[bytes], response.raw)

    def close(self) -> None:
        """Close the connection."""
        self._api.close()


def _told(start: Callable[[], Any], subject: str, say: Say) -> Iterator[Mapping[str, Any]]:
    """Start something, and pass on what the engine tells, as it does; raises BuildError with what went wrong."""
    try:
        for event in start():
            if "error" in event:
                raise BuildError(f"{subject}: {event['error'].strip()}")
            for line in COLOUR.sub("", str(event.get("stream", ""))).splitlines():
                if line.strip():
                    say(line)
            if (status := event.get("status")) and not NOISE.match(status):
                say(f"{event['id']}: {status}" if event.get("id") else status)
            yield event
    except APIError as error:
        raise BuildError(f"{subject}: {error.explanation or error}") from None
    except (DockerException, RequestException, HTTPError) as error:
        raise BuildError(f"{subject}: the engine does not answer any more: {error}") from None
