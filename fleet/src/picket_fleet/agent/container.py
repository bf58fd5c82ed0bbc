"""What the engine is asked for, to run a service: balena's compose fields, environment and labels -> Docker's."""

import hashlib
from typing import Any, NamedTuple

import msgspec

from picket_fleet.agent.compose import as_list, as_map, ports
from picket_fleet.agent.errors import TargetError
from picket_fleet.agent.options import host_config, network_mode, process, restart_policy
from picket_fleet.agent.target import Release, ServiceState

CONFIG_LABEL = "picket.config"  # a digest of all below
SUPERVISED = "io.balena.supervised"
STRATEGY = "io.balena.update.strategy"
HANDOVER_TIMEOUT = "io.balena.update.handover-timeout"
LOG_LIMITS = {"Type": "local", "Config": {"max-size": "2m", "max-file": "2"}}  # else they grow without end
FEATURE = "io.balena.features."
FEATURES = {
    "io.balena.features.dbus": ["/run/dbus:/host/run/dbus"],
    "io.balena.features.kernel-modules": ["/lib/modules:/lib/modules"],
    "io.balena.features.firmware": ["/lib/firmware:/lib/firmware"],
    "io.balena.features.sysfs": ["/sys:/sys"],
    "io.balena.features.procfs": ["/proc:/proc"],
    "io.balena.features.balena-socket": ["/var/run/docker.sock:/host/run/balena-engine.sock"],
    "io.balena.features.journal-logs": [
        "/var/log/journal:/var/log/journal:ro",
        "/run/log/journal:/run/log/journal:ro",
        "/etc/machine-id:/etc/machine-id:ro",
    ],
}


class Host(NamedTuple):
    """The device, as its services see it."""

    uuid: str
    name: str  # when it joined
    device_type: str
    arch: str
    os_version: str
    lock_folder: str
    supervisor: tuple[str, int, str] | None = None  # host, port and key, for services that may ask the agent


class Wanted(NamedTuple):
    """A container that a service is to have."""

    service: str
    name: str
    image: str
    config: str  # the digest; another one means another container
    restart: dict[str, Any]
    running: bool
    strategy: str
    handover_seconds: float
    depends_on: tuple[str, ...]
    body: dict[str, Any]  # of POST /containers/create, but for what it shares with another service
    networks: dict[str, dict[str, Any]]  # the engine's names, and how it is known there
    shares: str  # the service whose network it uses

    @property
    def keeps_running(self) -> bool:
        """Tell whether its end is nothing that should be."""
        return self.restart["Name"] in ("always", "unless-stopped")


def wanted(release: Release, host: Host) -> dict[str, Wanted]:
    """Return the containers of a release, dependencies first; raises TargetError for what the engine can't be asked."""
    found: dict[str, Wanted] = {}
    for name in _in_order(release):
        service = release.state.services[name]
        try:
            found[name] = _wanted(name, service, release, host, found)
        except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
            raise TargetError(f"release {release.commit[:7]}, service {name}: {error}") from None
    return found


def network_name(app_id: int, name: str) -> str:
    """Return the engine's name of a network or volume."""
    return f"{app_id}_{name}"


def networks(release: Release) -> dict[str, dict[str, Any]]:
    """Return the bodies to create each network of a release with, by the engine's names."""
    return {
        network_name(release.app_id, name): _network(release, name, options or {})
        for name, options in {"default": {}, **release.state.networks}.items()
    }


def volume_names(release: Release) -> list[str]:
    """Return the engine's names of a release's volumes."""
    return [network_name(release.app_id, name) for name in sorted(release.state.volumes)]


def owner_labels(release: Release) -> dict[str, str]:
    """Return the labels of all that belongs to the fleet."""
    return {SUPERVISED: "true", "io.balena.app-id": str(release.app_id), "io.balena.app-uuid": release.app_uuid}


def _network(release: Release, name: str, options: dict[str, Any]) -> dict[str, Any]:
    ipam = options.get("ipam") or {}
    configs = [
        {"Subnet": c.get("subnet"), "Gateway": c.get("gateway"), "IPRange": c.get("ip_range")}
        for c in ipam.get("config") or []
    ]
    body = {
        "Name": network_name(release.app_id, name),
        "Driver": "bridge",
        "CheckDuplicate": True,
        "Internal": bool(options.get("internal")),
        "IPAM": {"Driver": "default", "Config": [{k: v for k, v in c.items() if v} for c in configs]},
        "Options": as_map(options.get("driver_opts")),
    }
    return {**body, "Labels": {**as_map(options.get("labels")), **owner_labels(release), CONFIG_LABEL: _digest(body)}}


def _wanted(name: str, service: ServiceState, release: Release, host: Host, before: dict[str, Wanted]) -> Wanted:
    compose = service.composition
    labels = {**as_map(compose.get("labels")), **service.labels}
    mode, shares, joined = network_mode(compose, release)
    if shares and shares not in before:
        raise ValueError(f"network_mode: there is no service {shares!r}")
    restart = restart_policy(str(compose.get("restart") or "always"))
    body = {
        "Image": f"sha256:{release.images[name]}",
        "Env": [f"{key}={value}" for key, value in sorted(_environment(name, service, release, host, labels).items())],
        "Labels": {
            **labels,
            **owner_labels(release),
            "io.balena.service-id": str(service.id),
            "io.balena.service-name": name,
        },
        "Tty": compose.get("tty", True) is not False,
        **process(compose),
        "HostConfig": {**host_config(compose, release), "NetworkMode": mode, "LogConfig": LOG_LIMITS},
    }
    exposed, bound = ports(as_list(compose.get("ports")))
    body["ExposedPorts"], body["HostConfig"]["PortBindings"] = exposed, bound
    body["HostConfig"]["Binds"] += _binds(name, labels, release, host)
    attached = {
        network_name(release.app_id, network): {
            "Aliases": [name, *as_list(options.get("aliases"))],
            "IPAMConfig": {"IPv4Address": options["ipv4_address"]} if options.get("ipv4_address") else None,
        }
        for network, options in joined.items()
    }
    bodies = networks(release)
    digest = _digest([body, restart, attached, [bodies[network] for network in attached if network in bodies]])
    body["Labels"] = {**body["Labels"], CONFIG_LABEL: digest}
    if shares:
        digest = _digest([digest, before[shares].config, before[shares].image])
        body["Labels"][CONFIG_LABEL] = digest
    return Wanted(
        service=name,
        name=f"{name}_{service.image_id}_{release.state.id}_{release.commit}",
        image=release.images[name],
        config=digest,
        restart=restart,
        running=service.running,
        strategy=labels.get(STRATEGY, ""),
        handover_seconds=int(labels.get(HANDOVER_TIMEOUT) or 60_000) / 1000,
        depends_on=tuple(as_list(compose.get("depends_on"))),
        body=body,
        networks=attached,
        shares=shares,
    )


def _environment(
    name: str, service: ServiceState, release: Release, host: Host, labels: dict[str, str]
) -> dict[str, str]:
    facts = {
        "APP_ID": str(release.app_id),
        "APP_UUID": release.app_uuid,
        "APP_NAME": release.app_name,
        "SERVICE_NAME": name,
        "DEVICE_UUID": host.uuid,
        "DEVICE_TYPE": host.device_type,
        "DEVICE_ARCH": host.arch,
        "HOST_OS_VERSION": host.os_version,
        "APP_LOCK_PATH": "/tmp/balena/updates.lock",
        "SERVICE_HANDOVER_COMPLETE_PATH": "/tmp/balena/handover-complete",
        "DEVICE_NAME_AT_INIT": host.name,
    }
    if host.supervisor and has_feature(labels, "supervisor-api"):
        address, port, key = host.supervisor
        facts |= {"SUPERVISOR_HOST": address, "SUPERVISOR_PORT": str(port), "SUPERVISOR_API_KEY": key}
        facts["SUPERVISOR_ADDRESS"] = f"http://{address}:{port}"
    own = {"BALENA": "1", "RESIN": "1", "USER": "root"}
    for key, value in facts.items():
        own[f"BALENA_{key}"] = own[f"RESIN_{key}"] = value
    return {**as_map(service.composition.get("environment")), **service.environment, **own}


def _binds(name: str, labels: dict[str, str], release: Release, host: Host) -> list[str]:
    locks = f"{host.lock_folder}/{release.app_id}/{name}"
    binds = [f"{locks}:/tmp/balena", f"{locks}:/tmp/resin"]
    for label, more in FEATURES.items():
        if has_feature(labels, label.removeprefix(FEATURE)):
            binds += more
    return binds


def has_feature(labels: dict[str, str], name: str) -> bool:
    """Tell whether a service asks for one of balena's features."""
    return labels.get(f"{FEATURE}{name}", "").lower() not in ("", "0", "false")


def _in_order(release: Release) -> list[str]:
    """Return the services such that each comes after those that it depends on; of a circle, in any order."""
    services = release.state.services
    order: dict[str, None] = {}

    def add(name: str, above: tuple[str, ...]) -> None:
        if name in order or name in above or name not in services:
            return
        compose = services[name].composition
        mode = str(compose.get("network_mode") or "")
        shared = [mode.removeprefix("service:")] if mode.startswith("service:") else []
        for other in [*as_list(compose.get("depends_on")), *shared]:
            add(str(other), (*above, name))
        order[name] = None

    for name in sorted(services):
        add(name, ())
    return list(order)


def _digest(value: Any) -> str:
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()[:32]
