"""Handle containers, networks and volumes: the last thing between a step and the engine."""

import logging
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from picket_fleet.agent.container import Wanted, owner_labels, volume_names
from picket_fleet.agent.engine import Engine
from picket_fleet.agent.errors import EngineError
from picket_fleet.agent.observe import observe
from picket_fleet.agent.plan import matching
from picket_fleet.agent.target import Release

STOP_SECONDS = 10.0  # the engine's own, before it kills
PATIENCE_SECONDS = 60.0  # for the engine to notice

log = logging.getLogger(__name__)


class Hands:
    """Handles what belongs to a release; done twice, each is done once."""

    def __init__(self, engine: Engine, release: Release, wanted: Mapping[str, Wanted]) -> None:
        """Take what the release wants."""
        self._engine, self._release, self._wanted = engine, release, wanted

    def prepare(self, networks: Mapping[str, dict[str, Any]]) -> None:
        """Make the networks (bodies by name) and volumes that are not there."""
        current = observe(self._engine)
        for name, body in networks.items():
            if name not in current.networks:
                self._engine.post("/networks/create", body)
        for name in set(volume_names(self._release)) - current.volumes:
            body = {"Name": name, "Driver": "local", "Labels": owner_labels(self._release)}
            self._engine.post("/volumes/create", body)

    def create(self, service: Wanted) -> None:
        """Make a container; `start` joins it to all but the first of its networks."""
        self._free_name(service)
        body = dict(service.body)
        if first := next(iter(service.networks), ""):
            body["NetworkingConfig"] = {"EndpointsConfig": {first: service.networks[first]}}
        if service.shares:
            other = matching(observe(self._engine), self._wanted[service.shares])
            mode = f"container:{other.id if other else ''}"
            body["HostConfig"] = {**body["HostConfig"], "NetworkMode": mode}
        self._engine.post("/containers/create", body, name=service.name)

    def start(self, service: Wanted) -> None:
        """Start a container that has its name."""
        path = f"/containers/{service.name}"
        joined = self._engine.get(f"{path}/json")["NetworkSettings"]["Networks"]
        for network, options in service.networks.items():
            if network not in joined:
                body = {"Container": service.name, "EndpointConfig": options}
                self._engine.post(f"/networks/{network}/connect", body)
        # The policy first: a container that runs is always one that the engine would start again.
        self._engine.post(f"{path}/update", {"RestartPolicy": service.restart})
        self._engine.post(f"{path}/start")

    def stop(self, containers: Iterable[str]) -> None:
        """Stop containers (ids), all at once, and have the engine start them no more."""
        ids = list(containers)
        with ThreadPoolExecutor(len(ids)) as threads:
            list(threads.map(self._stop, ids))

    def rename(self, service: Wanted) -> None:
        """Give a container the name that it is to have."""
        container = matching(observe(self._engine), service)
        if container and container.name != service.name:
            self._free_name(service)
            self._engine.post(f"/containers/{container.id}/rename", name=service.name)

    def remove(self, containers: Iterable[str], networks: Iterable[str]) -> None:
        """Remove containers (ids) and networks; volumes with a name stay."""
        for container in containers:
            self._engine.delete(f"/containers/{container}", force=1, v=1)
        for network in networks:
            try:
                self._engine.delete(f"/networks/{network}")
            except EngineError as error:
                log.info("network %s stays: %s", network, error)

    def remove_image(self, image: str) -> None:
        """Remove an image, unless somebody else uses it."""
        try:
            self._engine.delete(f"/images/{image}", force=1)
        except EngineError as error:
            log.info("image %s stays: %s", image[:12], error)

    def _stop(self, container: str) -> None:
        try:
            self._engine.post(f"/containers/{container}/update", {"RestartPolicy": {"Name": "no"}})
            grace = self._engine.get(f"/containers/{container}/json")["Config"].get("StopTimeout") or STOP_SECONDS
            self._engine.post(f"/containers/{container}/stop", seconds=grace + PATIENCE_SECONDS)
        except EngineError as error:
            if error.status != 404:
                raise

    def _free_name(self, service: Wanted) -> None:
        """Give another name to a container that has the one that is needed."""
        current = observe(self._engine)
        right = matching(current, service)
        for container in current.containers:
            if container.name == service.name and (right is None or container.id != right.id):
                name = f"{container.service}_old_{container.id[:12]}"
                self._engine.post(f"/containers/{container.id}/rename", name=name)
