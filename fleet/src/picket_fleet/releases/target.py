"""What a device is to run, as balena's target state (v3) says it; pure."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import msgspec

from picket_fleet.store.devices import Device
from picket_fleet.store.fleet import APP_ID
from picket_fleet.store.images import Image
from picket_fleet.store.releases import Release
from picket_fleet.store.variables import Variable, is_configuration

POLL_MS = 600_000
CONFIGURATION = {"RESIN_SUPERVISOR_POLL_INTERVAL": str(POLL_MS)}


class Application(msgspec.Struct, frozen=True):
    """The fleet, as balena calls it; `registry` is the host that stands before every image's location."""

    uuid: str
    name: str
    registry: str


class Target(msgspec.Struct, frozen=True):
    """A release to run, with its images and its compose file (normalised, environment and labels as mappings)."""

    release: Release
    images: Sequence[Image]
    composition: Mapping[str, Any]


def document(
    application: Application,
    device: Device,
    target: Target | None,
    variables: Sequence[Variable],
    stopped: Collection[str] = (),
) -> dict[str, Any]:
    """Return the target state of a device; without a release, there is no app. `stopped` services don't run."""
    app = {
        "id": APP_ID,
        "name": application.name,
        "is_host": False,
        "class": "fleet",
        "releases": {target.release.commit_id: _release(application, target, variables, stopped)} if target else {},
    }
    config = configuration(variables)
    return {device.uuid: {"name": device.name, "apps": {application.uuid: app}, "config": config}}


def configuration(variables: Iterable[Variable]) -> dict[str, str]:
    """Return what configures the device itself; RESIN_X and BALENA_X are one variable, the last one counts."""
    own = [(variable.name, variable.value) for variable in _in_order(variables) if is_configuration(variable.name)]
    meant = {name.partition("_")[2]: (name, value) for name, value in [*CONFIGURATION.items(), *own]}
    return dict(meant.values())


def environment(service: str, composed: Mapping[str, Any], variables: Iterable[Variable]) -> dict[str, str]:
    """Return a service's variables: the compose file's, the fleet's, its own, the device's, its own on the device."""
    given = {name: str(value) for name, value in composed.items() if value is not None}
    meant = {
        variable.name: variable.value
        for variable in _in_order(variables)
        if variable.service in ("", service) and not is_configuration(variable.name)
    }
    return {**given, **meant}


def _in_order(variables: Iterable[Variable]) -> list[Variable]:
    return sorted(variables, key=lambda variable: (variable.device is not None, variable.service != ""))


def _release(
    application: Application, target: Target, variables: Sequence[Variable], stopped: Collection[str]
) -> dict[str, Any]:
    services = target.composition.get("services", {})
    described = {
        image.service: _service(application, image, services.get(image.service, {}), variables)
        for image in target.images
    }
    for service in described.keys() & set(stopped):
        described[service]["running"] = False
    shared = {key: target.composition[key] for key in ("volumes", "networks") if key in target.composition}
    return {"id": target.release.id, "services": described, **shared}


def _service(
    application: Application, image: Image, composed: Mapping[str, Any], variables: Sequence[Variable]
) -> dict[str, Any]:
    return {
        "id": image.service_id,
        "image_id": image.id,
        "image": f"{application.registry}/v2/{image.location}@sha256:{image.image_id}",
        "environment": environment(image.service, composed.get("environment", {}), variables),
        "labels": composed.get("labels", {}),
        "composition": {key: value for key, value in composed.items() if key not in ("build", "image")},
    }
