"""A compose file as devices get it: every value in one form, and nothing of how images come to be. Pure."""

import shlex
from collections.abc import Mapping
from typing import Any

# What balena makes of a project that is nothing but a Dockerfile.
OF_A_DOCKERFILE: Mapping[str, Any] = {
    "version": "2.4",
    "services": {
        "main": {
            "build": {"context": "."},
            "privileged": True,
            "restart": "always",
            "network_mode": "host",
            "volumes": ["resin-data:/data"],
            "labels": {
                f"io.balena.features.{feature}": "1"
                for feature in ("balena-api", "dbus", "firmware", "kernel-modules", "supervisor-api")
            },
        }
    },
    "volumes": {"resin-data": {}},
}
# A mount of one of these is balena's way to ask for a feature.
FEATURES = {
    "/var/run/docker.sock": "balena-socket",
    "/var/run/balena-engine.sock": "balena-socket",
    "/run/dbus": "dbus",
    "/sys": "sysfs",
    "/proc": "procfs",
    "/lib/modules": "kernel-modules",
    "/lib/firmware": "firmware",
    "/var/log/journal": "journal-logs",
    "/run/log/journal": "journal-logs",
    "/etc/machine-id": "journal-logs",
}
DROPPED = ("build", "image", "container_name", "expose")
COMMANDS = ("command", "entrypoint")
LISTS = ("tmpfs", "dns", "dns_search", "dns_opt", "devices", "ports", "cap_add", "cap_drop", "depends_on")


def normalise(data: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the devices of a release need of a compose file that was found good."""
    return {
        "services": {name: _service(service) for name, service in data["services"].items()},
        "volumes": {name: _settings(volume) for name, volume in (data.get("volumes") or {}).items()},
        "networks": {name: _settings(network) for name, network in (data.get("networks") or {}).items()},
    }


def pairs(value: Any) -> dict[str, str]:
    """Return variables, labels or arguments, which are a mapping or a list of NAME=VALUE, as texts."""
    if isinstance(value, list):
        return {name: text for name, _, text in (str(item).partition("=") for item in value)}
    return {str(name): _text(item) for name, item in (value or {}).items()}


def _service(given: Mapping[str, Any]) -> dict[str, Any]:
    service = {key: value for key, value in given.items() if key not in DROPPED and not key.startswith("x-")}
    for key in ("environment", "labels"):
        if key in service:
            service[key] = pairs(service[key])
    for key in COMMANDS:
        if isinstance(service.get(key), str):
            service[key] = shlex.split(service[key])
    for key in LISTS:
        if key in service:
            service[key] = [service[key]] if isinstance(service[key], str) else list(service[key])
    if isinstance(test := (service.get("healthcheck") or {}).get("test"), str):
        service["healthcheck"] = {**service["healthcheck"], "test": ["CMD-SHELL", test]}
    mounts = [_mount(mount) for mount in service.get("volumes", ())]
    features = [FEATURES[source] for source, _, _ in mounts if source in FEATURES]
    if features:
        service["labels"] = {**{f"io.balena.features.{name}": "1" for name in features}, **service.get("labels", {})}
    if mounts:
        service["volumes"] = [
            ":".join(filter(None, mount)) for mount in mounts if mount[0] and mount[0] not in FEATURES
        ]
        targets = [target for source, target, _ in mounts if not source]
        if targets:
            service["tmpfs"] = [*service.get("tmpfs", ()), *targets]
    return service


def _mount(mount: Any) -> tuple[str, str, str]:
    """Return a mount's source ("" for one in memory), target and mode."""
    if isinstance(mount, str):
        source, target, mode, *_ = [*mount.split(":"), "", ""]
        return source, target, mode
    return str(mount.get("source", "")), str(mount["target"]), "ro" if mount.get("read_only") else ""


def _settings(given: Any) -> dict[str, Any]:
    settings = {key: value for key, value in (given or {}).items() if not key.startswith("x-")}
    if "labels" in settings:
        settings["labels"] = pairs(settings["labels"])
    return settings


def _text(value: Any) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)
