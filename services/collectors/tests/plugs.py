"""What the tests of plugs share: one plug's address, an account, and what a source tells of its plugs."""

from typing import Any

from picket_collectors.source import Site
from picket_collectors.sources.kasa import Config, Kasa, PlugConfig, open_source
from picket_simulator.plug_server import PlugServer

MAC = "50:C7:BF:00:00:01"
ACCOUNT = {"username": "someone@example.org", "password": "hunter2"}


def source(site: Site, plugs: dict[str, PlugServer | PlugConfig], **account: str) -> Kasa:
    configs = {
        name: plug if isinstance(plug, PlugConfig) else PlugConfig(host=plug.host, port=plug.port)
        for name, plug in plugs.items()
    }
    return open_source(Config(plugs=configs, **account), site)  # type: ignore[arg-type]


def told(parts: Any) -> dict[str, Any]:
    """Return each part's values, or its fault."""
    return {part.name: part.fault or dict(part.values) for part in parts}
