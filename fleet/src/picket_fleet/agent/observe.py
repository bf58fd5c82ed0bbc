"""Look at what there is on the engine."""

from typing import Any

from picket_fleet.agent.container import CONFIG_LABEL, SUPERVISED
from picket_fleet.agent.engine import Engine
from picket_fleet.agent.errors import EngineError
from picket_fleet.agent.plan import Container, Current

OURS = '{"label": ["io.balena.supervised"]}'


def observe(engine: Engine) -> Current:
    """Return the fleet's containers, volumes and networks, and all images."""
    containers = []
    for entry in engine.get("/containers/json", all=1, filters=OURS):
        try:
            containers.append(container(engine.get(f"/containers/{entry['Id']}/json")))
        except EngineError as error:
            if error.status != 404:  # gone since it was listed
                raise
    volumes = engine.get("/volumes").get("Volumes") or []
    networks = engine.get("/networks", filters=OURS)
    images = engine.get("/images/json", all=1)
    return Current(
        containers=tuple(found for found in containers if found),
        images=frozenset(image["Id"].removeprefix("sha256:") for image in images),
        volumes=frozenset(volume["Name"] for volume in volumes),
        networks={network["Name"]: (network.get("Labels") or {}).get(CONFIG_LABEL, "") for network in networks},
    )


def container(inspected: dict[str, Any]) -> Container | None:
    """Return a container of the fleet, of what the engine says of it; None for one that is being removed."""
    labels, state = inspected["Config"]["Labels"] or {}, inspected["State"]
    if SUPERVISED not in labels or state["Status"] == "removing":
        return None
    return Container(
        id=inspected["Id"],
        name=inspected["Name"].removeprefix("/"),
        service=labels.get("io.balena.service-name", ""),
        image=inspected["Image"].removeprefix("sha256:"),
        config=labels.get(CONFIG_LABEL, ""),
        state=state["Status"],
        restart=inspected["HostConfig"]["RestartPolicy"]["Name"] or "no",
        restarts=inspected.get("RestartCount", 0),
        started_at=state.get("StartedAt", ""),
        exit_code=state.get("ExitCode", 0),
        health=_health(state),
    )


def _health(state: dict[str, Any]) -> str:
    status = (state.get("Health") or {}).get("Status", "")
    return "" if status == "none" else str(status)
