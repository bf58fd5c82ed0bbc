"""The keys of a docker-compose.yml that both of balena's parsers take, and why the others are refused.

Types are those of the stricter parser for each key.
"""

import re
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

OLDER = "the older parser refuses it"
NEWER = "the newer parser refuses it"
BOTH = "balena refuses it"
DEVICES = "devices refuse the whole release: the newer parser adds a requirement (sw.spec) that they do not know"
BOTH_WAYS = f"{OLDER}, and {DEVICES}"


class Shape(NamedTuple):
    """What a value may be: in words, and as a test."""

    words: str
    fits: Callable[[Any], bool]


class Keys(NamedTuple):
    """The keys of one mapping: what each value may be, and why other known keys are refused."""

    taken: Mapping[str, Shape]
    refused: Mapping[str, str]

    def why(self, key: str) -> str:
        """Say why a key that is not taken is refused."""
        return self.refused.get(key, BOTH)


def _is_number(value: Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_amount(value: Any) -> bool:
    return _is_number(value) or (isinstance(value, str) and bool(_AMOUNT.fullmatch(value)))


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value) and len(set(value)) == len(value)


def _are_scalars(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(v, str) or _is_number(v) for v in value) and _are_once(value)


def _are_once(value: list[Any]) -> bool:
    return len(set(map(str, value))) == len(value)


def _are_pairs(value: Any) -> bool:
    return _are_texts(value) or _are_options(value, (str, int, float, type(None)))


def _are_options(value: Any, types: tuple[type, ...] = (str, int, float)) -> bool:
    return isinstance(value, dict) and all(isinstance(item, types) for item in value.values())


def _are_ulimits(value: Any) -> bool:
    if not isinstance(value, dict) or not all(re.fullmatch("[a-z]+", str(name)) for name in value):
        return False
    limits = value.values()
    if any(isinstance(limit, dict) and set(limit) != {"soft", "hard"} for limit in limits):
        return False
    bounds = [bound for limit in limits for bound in (limit.values() if isinstance(limit, dict) else [limit])]
    return all(_is_whole(bound) and bound != 0 for bound in bounds)


def _is_ipam(value: Any) -> bool:
    return (
        isinstance(value, dict)
        and set(value) <= {"driver", "config", "options"}
        and isinstance(value.get("driver", ""), str)
        and isinstance(value.get("config", []), list)
        and _are_options(value.get("options", {}), (str,))
    )


_AMOUNT = re.compile(r"\d+(\.\d+)? ?([kKmMgGtT]?[iI]?[bB]?)")
TEXT = Shape("text", lambda value: isinstance(value, str))
FLAG = Shape("true or false", lambda value: isinstance(value, bool))
NUMBER = Shape("a number", _is_number)
AMOUNT = Shape("a number, or text as in '64m'", _is_amount)
TEXTS = Shape("a list of texts, each once", _are_texts)
COMMAND = Shape(
    "text or a list of texts",
    lambda value: isinstance(value, str) or (isinstance(value, list) and all(isinstance(item, str) for item in value)),
)
TEXT_OR_TEXTS = Shape("text or a list of texts", lambda value: isinstance(value, str) or _are_texts(value))
MAPPING = Shape("a mapping", lambda value: isinstance(value, dict))
NAMES = Shape("a list of names, or a mapping", lambda value: isinstance(value, dict) or _are_texts(value))
PAIRS = Shape("a mapping to text, or a list of KEY=VALUE", _are_pairs)
OPTIONS = Shape("a mapping to text", _are_options)
WHOLE = Shape("a whole number", _is_whole)
IPAM = Shape("a mapping with driver, config and options", _is_ipam)
BUILT = Shape("a folder, or a mapping", lambda value: isinstance(value, (str, dict)))
SCALARS = Shape("a list of texts or numbers, each once", _are_scalars)
MOUNTS = Shape(
    "a list of NAME:/where", lambda value: isinstance(value, list) and all(isinstance(m, (str, dict)) for m in value)
)
ULIMITS = Shape(
    "whole numbers, none of them 0, which the newer parser loses",
    _are_ulimits,
)

_REFUSED_OF_A_SERVICE = {
    **dict.fromkeys(("annotations", "attach", "cgroup", "cpus", "post_start", "pre_stop", "uts"), BOTH_WAYS),
    **dict.fromkeys(("cpu_rt_period", "cpu_rt_runtime", "device_cgroup_rules", "volumes_from"), DEVICES),
    **dict.fromkeys(("extends", "label_file", "profiles"), OLDER),
    **dict.fromkeys(
        (
            "blkio_config", "external_links", "isolation", "links", "logging", "mem_swappiness", "memswap_limit",
            "oom_kill_disable", "platform", "runtime", "stdin_open", "storage_opt", "volume_driver",
        ),
        NEWER,
    ),
    "env_file": "devices know no such file, and only the newer parser reads it into the environment",
}  # fmt: skip

SERVICE = Keys(
    {
        "build": BUILT,
        "cap_add": TEXTS,
        "cap_drop": TEXTS,
        "cgroup_parent": TEXT,
        "command": COMMAND,
        "container_name": TEXT,
        "cpu_quota": AMOUNT,
        "cpu_shares": AMOUNT,
        "cpuset": TEXT,
        "depends_on": NAMES,
        "devices": TEXTS,
        "dns": TEXT_OR_TEXTS,
        "dns_opt": TEXTS,
        "dns_search": TEXT_OR_TEXTS,
        "domainname": TEXT,
        "entrypoint": COMMAND,
        "environment": PAIRS,
        "expose": SCALARS,
        "extra_hosts": PAIRS,
        "group_add": SCALARS,
        "healthcheck": MAPPING,
        "hostname": TEXT,
        "image": TEXT,
        "init": FLAG,
        "ipc": TEXT,
        "labels": PAIRS,
        "mac_address": TEXT,
        "mem_limit": AMOUNT,
        "mem_reservation": AMOUNT,
        "network_mode": TEXT,
        "networks": NAMES,
        "oom_score_adj": WHOLE,
        "pid": TEXT,
        "pids_limit": AMOUNT,
        "ports": SCALARS,
        "privileged": FLAG,
        "read_only": FLAG,
        "restart": TEXT,
        "security_opt": TEXTS,
        "shm_size": AMOUNT,
        "stop_grace_period": TEXT,
        "stop_signal": TEXT,
        "sysctls": PAIRS,
        "tmpfs": TEXT_OR_TEXTS,
        "tty": FLAG,
        "ulimits": ULIMITS,
        "user": TEXT,
        "userns_mode": TEXT,
        "volumes": MOUNTS,
        "working_dir": TEXT,
    },
    _REFUSED_OF_A_SERVICE,
)
BUILD = Keys(
    {
        "args": PAIRS,
        "cache_from": TEXTS,
        "context": TEXT,
        "dockerfile": TEXT,
        "extra_hosts": PAIRS,
        "labels": PAIRS,
        "shm_size": AMOUNT,
        "target": TEXT,
    },
    dict.fromkeys(("host", "isolation", "network"), NEWER),
)
HEALTHCHECK = Keys(
    {
        "disable": FLAG,
        "interval": TEXT,
        "retries": NUMBER,
        "start_period": TEXT,
        "test": COMMAND,
        "timeout": TEXT,
    },
    {"start_interval": BOTH_WAYS},
)
NETWORK = Keys(
    {
        "driver": TEXT,
        "driver_opts": OPTIONS,
        "internal": FLAG,
        "ipam": IPAM,
        "labels": PAIRS,
    },
    dict.fromkeys(("enable_ipv6", "external"), NEWER),
)
VOLUME = Keys(
    {"driver": TEXT, "driver_opts": OPTIONS, "labels": PAIRS},
    {"external": NEWER, "name": "devices name volumes themselves"},
)
