"""Docker's options, of a service's compose fields."""

import shlex
from typing import Any

from picket_fleet.agent.compose import as_list, as_map, health, seconds, size, tmpfs, ulimits, volumes
from picket_fleet.agent.target import Release


def process(compose: dict[str, Any]) -> dict[str, Any]:
    """Return what concerns the process in the container; what is not said stays as the image has it."""
    found: dict[str, Any] = {
        "Cmd": _words(compose.get("command")),
        "Entrypoint": _words(compose.get("entrypoint")),
        "User": _text(compose.get("user")),
        "WorkingDir": _text(compose.get("working_dir")),
        "Hostname": _text(compose.get("hostname")),
        "Domainname": _text(compose.get("domainname")),
        "MacAddress": _text(compose.get("mac_address")),
        "StopSignal": _text(compose.get("stop_signal")),
        "Healthcheck": health(compose["healthcheck"]) if compose.get("healthcheck") else None,
    }
    if compose.get("stop_grace_period") is not None:
        found["StopTimeout"] = round(seconds(compose["stop_grace_period"]))
    return {key: value for key, value in found.items() if value is not None}


def host_config(compose: dict[str, Any], release: Release) -> dict[str, Any]:
    """Return what concerns the host, but for the network; raises ValueError for what is none of it."""
    return {
        "Binds": volumes(as_list(compose.get("volumes")), lambda name: f"{release.app_id}_{name}"),
        "Tmpfs": tmpfs(compose),
        "Devices": [_device(text) for text in as_list(compose.get("devices"))],
        "Privileged": bool(compose.get("privileged")),
        "CapAdd": as_list(compose.get("cap_add")),
        "CapDrop": as_list(compose.get("cap_drop")),
        "GroupAdd": [str(group) for group in as_list(compose.get("group_add"))],
        "SecurityOpt": as_list(compose.get("security_opt")),
        "ReadonlyRootfs": bool(compose.get("read_only")),
        "Init": compose.get("init"),
        "Memory": size(compose.get("mem_limit")),
        "MemoryReservation": size(compose.get("mem_reservation")),
        "CpuShares": int(compose.get("cpu_shares") or 0),
        "CpuQuota": int(compose.get("cpu_quota") or 0),
        "CpusetCpus": str(compose.get("cpuset") or ""),
        "OomScoreAdj": int(compose.get("oom_score_adj") or 0),
        "PidMode": str(compose.get("pid") or ""),
        "PidsLimit": compose.get("pids_limit"),
        "IpcMode": str(compose.get("ipc") or "shareable"),
        "Sysctls": as_map(compose.get("sysctls")),
        "Ulimits": ulimits(compose.get("ulimits") or {}),
        "ShmSize": size(compose.get("shm_size")),
        "ExtraHosts": [f"{key}:{value}" for key, value in sorted(as_map(compose.get("extra_hosts"), ":").items())],
        "Dns": as_list(compose.get("dns")),
        "DnsSearch": as_list(compose.get("dns_search")),
        "DnsOptions": as_list(compose.get("dns_opt")),
        "UsernsMode": str(compose.get("userns_mode") or ""),
        "CgroupParent": str(compose.get("cgroup_parent") or ""),
        # The engine starts it by itself only once the agent has started it.
        "RestartPolicy": {"Name": "no"},
    }


def network_mode(compose: dict[str, Any], release: Release) -> tuple[str, str, dict[str, dict[str, Any]]]:
    """Return the engine's mode (of the first network), the service whose network is shared, the networks to join."""
    mode = str(compose.get("network_mode") or "")
    if mode.startswith("service:"):
        return "", mode.removeprefix("service:"), {}
    if mode and mode != "bridge":
        return mode, "", {}
    given = compose.get("networks") or {"default": {}}
    joined = {name: {} for name in given} if isinstance(given, list) else {n: o or {} for n, o in given.items()}
    if unknown := joined.keys() - release.state.networks.keys() - {"default"}:
        raise ValueError(f"networks: there is no {sorted(unknown)[0]!r}")
    return f"{release.app_id}_{next(iter(joined))}", "", joined


def restart_policy(text: str) -> dict[str, Any]:
    """Return the engine's policy; raises ValueError for one that it does not know."""
    name, _, most = text.partition(":")
    if name not in ("no", "always", "unless-stopped", "on-failure"):
        raise ValueError(f"restart: {text!r} is nothing the engine knows")
    return {"Name": name, "MaximumRetryCount": int(most or 0)}


def _device(text: str) -> dict[str, str]:
    there, _, rest = text.partition(":")
    here, _, rights = (rest or there).partition(":")
    return {"PathOnHost": there, "PathInContainer": here, "CgroupPermissions": rights or "rwm"}


def _words(value: Any) -> list[str] | None:
    if value is None:
        return None
    return shlex.split(value) if isinstance(value, str) else [str(word) for word in value]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)
