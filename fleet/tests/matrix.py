"""What balena's parsers say of each construct, a whole file around one, and files made by chance."""

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import Any

import yaml

from picket_fleet.compose_keys import BUILD, HEALTHCHECK, NETWORK, SERVICE, VOLUME

MATRIX: dict[str, dict[str, Any]] = yaml.safe_load((Path(__file__).parent / "compose_matrix.yaml").read_text())


def composition(row: dict[str, Any]) -> dict[str, Any]:
    """Return a whole file's data around a row's construct."""
    service = row.get("alone") or {"image": "debian", **row["service"]}
    return {"version": "2.4", "volumes": {"state": {}}, "services": {"a": service, "b": {"image": "debian"}}}


# Values that some keys take and others do not.
VALUES: list[Any] = yaml.safe_load("""
- [null, true, false, 0, 1, -1, 2.5, "", a, b, "8080:80", 10s, 64m, host, no, "state:/x", a=b, ., [], {}]
- [[a], [b], [1], [a, a], [/x], ["state:/x"], ["state:/x:ro"], ["./x:/x"], ["8080:80"], [8080], [a=b], [ALL], [{}]]
- [[default]]
- [["/dev/x:/dev/x"], [no-new-privileges], [{type: volume, source: state, target: /x}], [{type: tmpfs, target: /x}]]
- [{a: b}, {a: 1}, {a: 0}, {a: null}, {a: [b]}, {a: {b: 1}}, {b: {condition: service_started}}, {core: 1}]
- [{nofile: {soft: 1, hard: 2}}, {default: {aliases: [x]}}, {default: null}, {config: []}, {driver: bridge}]
""")
VALUES = [value for row in VALUES for value in row]


def compositions(number: int, seed: int = 1) -> Iterator[dict[str, Any]]:
    """Make files by chance, most of which no parser takes."""
    chance = Random(seed)

    def some(keys: Any, at_most: int) -> dict[str, Any]:
        return {key: chance.choice(VALUES) for key in chance.sample(sorted(keys), chance.randint(0, at_most))}

    for _ in range(number):
        service = {"image": "debian"} | some(SERVICE.taken, 3)
        if chance.random() < 0.3:
            service |= {"build": {"context": "."} | some(BUILD.taken, 2)}
        if chance.random() < 0.1:
            service |= {"healthcheck": some(HEALTHCHECK.taken, 2)}
        yield {
            "version": "2.4",
            "services": {"a": service, "b": {"image": "debian"}},
            "volumes": {"state": some(VOLUME.taken, 1)},
            "networks": {"lan": some(NETWORK.taken, 1)},
        } | (
            {chance.choice(("version", "services", "volumes", "networks")): chance.choice(VALUES)}
            if chance.random() < 0.05
            else {}
        )
