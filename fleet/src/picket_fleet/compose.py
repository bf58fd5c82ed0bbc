"""What balena would refuse in a docker-compose.yml, found before it is pushed.

Two parsers read these files: that of @balena/compose up to 7 (a JSON schema, in JavaScript) and that since 8 (the
Compose specification's own, in Go). Builders and command lines with either are in use, so a file has to pass both and
to mean the same to both. And what the newer one takes, devices may not: for some keys it adds a requirement `sw.spec`
to the release, which supervisors of today do not know, and with which they refuse the whole release.
"""

import re
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from picket_fleet.compose_file import Path
from picket_fleet.compose_keys import BUILD, HEALTHCHECK, NETWORK, SERVICE, VOLUME, Keys

# A mount of one of these is taken for the label that gives a container the same.
FEATURE_MOUNTS = (
    "/var/run/docker.sock",
    "/var/run/balena-engine.sock",
    "/run/dbus",
    "/sys",
    "/proc",
    "/lib/modules",
    "/lib/firmware",
    "/var/log/journal",
    "/run/log/journal",
    "/etc/machine-id",
)
VERSIONS = ("2", "2.0", "2.1", "2.2", "2.3", "2.4")
ARCHITECTURES = ("aarch64", "rpi", "amd64", "armv7hf", "i386")
SECURITY_OPTIONS = re.compile(r"no-new-privileges([:=].*)?|(apparmor|seccomp)[:=]unconfined")
RESTARTS = re.compile(r"no|always|unless-stopped|on-failure(:\d+)?")
LABEL_NAME = re.compile(r"[a-zA-Z0-9.-]+")
NAME = re.compile(r"[a-zA-Z0-9._-]+")
DURATION = re.compile(r"(?=.)([\d.]+h)?([\d.]+m)?([\d.]+s)?([\d.]+ms)?([\d.]+us)?([\d.]+ns)?")
PORT = re.compile(r"(([a-fA-F\d.:]+:)?(\d*)(-\d+)?:)?\d+(-\d+)?(/(udp|tcp))?")
_BOUND = r"[~^]?[<>]?=? *v?(\d+|[xX*])(\.(\d+|[xX*])){0,2}(-[0-9A-Za-z.-]+)?(\+[0-9A-Za-z.-]+)?"
SEMVER_RANGE = re.compile(rf" *({_BOUND}( +(- +)?{_BOUND})*( *\|\| *{_BOUND}( +(- +)?{_BOUND})*)*)? *")
REQUIRES = "io.balena.features.requires."
REQUIRED_VERSIONS = ("sw.supervisor", "sw.l4t", "sw.balena-os", "sw.linux")


class Problem(NamedTuple):
    """What balena would refuse, and why."""

    path: Path
    why: str

    def __str__(self) -> str:
        """Say it in one line."""
        return f"{'.'.join(map(str, self.path)) or 'the file'}: {self.why}"


def check(data: Any) -> list[Problem]:
    """List everything in a file's data that balena would refuse."""
    if not isinstance(data, dict):
        return [Problem((), "expected a mapping with version and services")]
    return list(_file(data))


def _file(data: dict[str, Any]) -> Iterator[Problem]:
    if data.get("version") not in VERSIONS:
        yield Problem(
            ("version",), "expected '2.4', in quotes: without it the older parser takes sections for services"
        )
    for key in data:
        if key not in ("version", "services", "networks", "volumes") and not str(key).startswith("x-"):
            yield Problem((key,), "balena knows no such part of a file")
    sections: dict[str, Any] = {name: data[name] for name in ("services", "networks", "volumes") if name in data}
    for section, names in sections.items():
        if not isinstance(names, dict):
            yield Problem((section,), "expected a mapping")
            return
        for name in names:
            if not NAME.fullmatch(str(name)):
                yield Problem((section, name), "expected a name of letters, digits, '.', '_' and '-'")
        yield from _dollars(names, (section,))
    for name, service in sections.get("services", {}).items():
        yield from _service(service, ("services", name), sections)
    for name, network in sections.get("networks", {}).items():
        yield from _network({} if network is None else network, ("networks", name))
    for name, volume in sections.get("volumes", {}).items():
        yield from _volume({} if volume is None else volume, ("volumes", name))


def _service(service: Any, at: Path, sections: Mapping[str, Any]) -> Iterator[Problem]:
    yield from _keys(service, SERVICE, at)
    if not isinstance(service, dict):
        return
    if not service.get("image") and not service.get("build"):
        yield Problem(at, "expected a build or an image")
    # What has not even the right shape is told of above.
    sound = {key: value for key, value in service.items() if key in SERVICE.taken and SERVICE.taken[key].fits(value)}
    for key, rule in _RULES.items():
        if key in sound:
            yield from rule(sound[key], (*at, key))
    for name in sound.get("depends_on", ()):
        if name not in sections["services"]:
            yield Problem((*at, "depends_on"), f"there is no service {name!r}")
    for name in sound.get("networks", ()):
        if name not in sections.get("networks", {}) and name != "default":
            yield Problem((*at, "networks"), f"there is no network {name!r}")
    if sound.get("networks") and sound.get("network_mode"):
        yield Problem((*at, "network_mode"), "the newer parser refuses it beside networks")
    for index, mount in enumerate(sound.get("volumes", ())):
        yield from _mount(mount, (*at, "volumes", index), sections.get("volumes", {}))


def _keys(value: Any, keys: Keys, at: Path) -> Iterator[Problem]:
    if not isinstance(value, dict):
        yield Problem(at, "expected a mapping")
        return
    for key, item in value.items():
        if str(key).startswith("x-"):
            continue
        if key not in keys.taken:
            yield Problem((*at, key), keys.why(str(key)))
        elif not keys.taken[key].fits(item):
            yield Problem((*at, key), f"expected {keys.taken[key].words}")


def _build(build: Any, at: Path) -> Iterator[Problem]:
    build = {"context": build} if isinstance(build, str) else build
    yield from _keys(build, BUILD, at)
    context = str(build.get("context", ""))
    if not context:
        yield Problem((*at, "context"), "is missing")
    elif "://" in context or context.startswith("git@") or context.endswith(".git"):
        yield Problem((*at, "context"), "the newer parser refuses a remote context")
    elif context.startswith(("/", "~")) or ".." in context.split("/"):
        yield Problem((*at, "context"), "reaches out of the project: the builder is sent nothing else")
    for key in ("args", "labels"):
        if BUILD.taken[key].fits(build.get(key)):
            yield from _pairs(build[key], (*at, key))


def _pairs(pairs: Any, at: Path) -> Iterator[Problem]:
    """Check labels or variables."""
    if isinstance(pairs, list):
        for index, pair in enumerate(pairs):
            if "=" not in str(pair) and at[-1] != "labels":
                yield Problem((*at, index), "has no value: the newer parser takes it from the builder's environment")
        pairs = dict(str(pair).partition("=")[::2] for pair in pairs)
    for name, value in (pairs if isinstance(pairs, dict) else {}).items():
        if value is None and at[-1] != "labels":
            yield Problem((*at, name), "has no value: the newer parser takes it from the builder's environment")
        elif not isinstance(value, (bool, str)) and value == 0:
            yield Problem((*at, name), f"expected '{value}' in quotes: the older parser makes 0 empty")
        if at[-1] == "labels":
            yield from _label(str(name), str(value), (*at, name))


def _label(name: str, value: str, at: Path) -> Iterator[Problem]:
    if not LABEL_NAME.fullmatch(name):
        yield Problem(at, "expected a name of letters, digits, '.' and '-'")
    required = name.removeprefix(REQUIRES) if name.startswith(REQUIRES) else ""
    if required in REQUIRED_VERSIONS and not SEMVER_RANGE.fullmatch(value):
        yield Problem(at, f"expected a range of versions, as in '>=14.0.0', got {value!r}")
    if required == "arch.sw" and value not in ARCHITECTURES:
        yield Problem(at, f"expected one of {', '.join(ARCHITECTURES)}, got {value!r}")


def _depends_on(value: Any, at: Path) -> Iterator[Problem]:
    for name, how in value.items() if isinstance(value, dict) else ():
        if how != {"condition": "service_started"}:
            yield Problem((*at, name), "balena waits for nothing but the start: expected a list of names")


def _devices(value: list[str], at: Path) -> Iterator[Problem]:
    for index, device in enumerate(value):
        if not all(part.startswith("/") for part in device.split(":")[:2]):
            yield Problem((*at, index), "the newer parser refuses what is no path")


def _healthcheck(value: Any, at: Path) -> Iterator[Problem]:
    yield from _keys(value, HEALTHCHECK, at)


def _own_networks(value: Any, at: Path) -> Iterator[Problem]:
    for name, settings in value.items() if isinstance(value, dict) else ():
        if not isinstance(settings, (dict, type(None))):
            yield Problem((*at, name), "expected a mapping")
            continue
        for key in settings or {}:
            if key not in ("aliases", "ipv4_address"):
                yield Problem((*at, name, key), "one of the parsers, or the devices, refuse it")


def _mount(mount: Any, at: Path, volumes: Mapping[str, Any]) -> Iterator[Problem]:
    if isinstance(mount, str):
        source, _, rest = mount.partition(":")
        target, _, mode = rest.partition(":")
        if mode not in ("", "ro", "rw"):
            yield Problem(at, f"expected no option but 'ro', got {mode!r}")
    else:
        source, target = str(mount.get("source", "")), mount.get("target")
        if mount.get("type") == "tmpfs" and target and not set(mount) - {"type", "target"}:
            return
        if mount.get("type") not in ("volume", "bind") or set(mount) - {"type", "source", "target", "read_only"}:
            yield Problem(at, "expected type, source, target and read_only of a named volume")
            return
    if not source or not target:
        yield Problem(at, "a volume without a name is refused: expected NAME:/where")
    elif source in FEATURE_MOUNTS:
        return
    elif "/" in source or source in (".", "..") or source.startswith("~"):
        yield Problem(at, "a folder of the host is refused: expected a named volume")
    elif source not in volumes:
        yield Problem(at, f"there is no volume {source!r}")


def _network(network: Any, at: Path) -> Iterator[Problem]:
    yield from _keys(network, NETWORK, at)
    if isinstance(network, dict):
        if network.get("driver", "bridge") not in ("bridge", "default"):
            yield Problem((*at, "driver"), "the newer parser refuses all but 'bridge'")
        ipam = network.get("ipam", {})
        for index, pool in enumerate(ipam.get("config", []) if NETWORK.taken["ipam"].fits(ipam) else []):
            if isinstance(pool, dict) and "aux_addresses" in pool:
                yield Problem((*at, "ipam", "config", index), "the newer parser refuses aux_addresses")
        if NETWORK.taken["labels"].fits(network.get("labels")):
            yield from _pairs(network["labels"], (*at, "labels"))


def _volume(volume: Any, at: Path) -> Iterator[Problem]:
    yield from _keys(volume, VOLUME, at)
    if isinstance(volume, dict):
        if volume.get("driver", "local") not in ("local", "default"):
            yield Problem((*at, "driver"), "the newer parser refuses all but 'local'")
        if VOLUME.taken["labels"].fits(volume.get("labels")):
            yield from _pairs(volume["labels"], (*at, "labels"))


def _dollars(value: Any, at: Path) -> Iterator[Problem]:
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        yield from _dollars(item, (*at, key))
    if isinstance(value, str) and "$" in value:
        yield Problem(at, "a '$' is kept by the older parser, and read as the builder's variable by the newer")


def _matches(pattern: re.Pattern[str], why: str) -> Any:
    def rule(value: Any, at: Path) -> Iterator[Problem]:
        for index, item in enumerate(value) if isinstance(value, list) else ((None, value),):
            if not pattern.fullmatch(str(item)):
                yield Problem(at if index is None else (*at, index), why)

    return rule


_RULES = {
    "build": _build,
    "depends_on": _depends_on,
    "devices": _devices,
    "environment": _pairs,
    "expose": _matches(re.compile(r"\d+(-\d+)?(/[a-zA-Z]+)?"), "expected a port"),
    "healthcheck": _healthcheck,
    "labels": _pairs,
    "ipc": _matches(re.compile(r"(?! *service:).*"), "the newer parser refuses another service's"),
    "network_mode": _matches(re.compile(r"(?!container:).*"), "the newer parser refuses another container's"),
    "networks": _own_networks,
    "pid": _matches(re.compile("host"), "the newer parser, or the devices, refuse all but 'host'"),
    "pids_limit": _matches(re.compile(r"\d+"), "the newer parser refuses less than 0"),
    "ports": _matches(PORT, "expected text, as in '8080:80'"),
    "restart": _matches(RESTARTS, "expected no, always, on-failure or unless-stopped"),
    "security_opt": _matches(
        SECURITY_OPTIONS, "the newer parser refuses all but no-new-privileges, and apparmor and seccomp unconfined"
    ),
    "stop_grace_period": _matches(DURATION, "expected a duration, as in '10s'"),
}
