"""The engine of an agent's device: a machine's, asked by the agent's own client."""

from picket_fleet.agent.engine import Engine
from picket_fleet.agent.observe import observe
from picket_fleet.agent.plan import Container
from tests.servers.devices import Machine


class DeviceEngine:
    """An engine, and what it has."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine
        self.api = Engine(machine.socket)

    def clear(self) -> None:
        """Remove all there is."""
        for container in self.api.get("/containers/json", all=1):
            self.api.delete(f"/containers/{container['Id']}", force=1, v=1)
        for image in self.api.get("/images/json"):
            self.api.delete(f"/images/{image['Id']}", force=1)
        for volume in self.api.get("/volumes").get("Volumes") or []:
            self.api.delete(f"/volumes/{volume['Name']}", force=1)
        self.api.post("/networks/prune")

    def containers(self) -> dict[str, Container]:
        """Return what runs, by service."""
        return {c.service: c for c in observe(self.api).containers if c.state == "running"}
