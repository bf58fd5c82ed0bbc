"""What a device says of itself: PATCH /device/v3/state with {uuid: {field: value}}, as far as it differs from the last.

The supervisor compares two levels deep, uuid and field: a field that is there replaces what was, `apps` as well.
"""

from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import web

from picket_fleet.home import COMMIT
from picket_fleet.server.access import Server, for_device, unauthorized
from picket_fleet.server.compression import body_of
from picket_fleet.store import devices, fleet
from picket_fleet.store.devices import Device

REPORT_BYTES = 512_000
MOST_DEEP = 20  # balena's go 8 deep; who reads one that nearly can't be read may fail where this did not
UNWANTED = {"api_secret"}  # opens the supervisor; nothing here calls it


def merge(report: Mapping[str, Any], change: Mapping[str, Any]) -> dict[str, Any]:
    """Return the report after a change; what is null is not known any more."""
    merged = {**report, **change}
    return {field: value for field, value in merged.items() if value is not None and field not in UNWANTED}


def running(report: Mapping[str, Any], application: str) -> str:
    """Return the commit id of the release that a device reports for an application, or ""."""
    apps = report.get("apps")
    app = apps.get(application) if isinstance(apps, dict) else None
    commit_id = app.get("release_uuid") if isinstance(app, dict) else None
    return commit_id if isinstance(commit_id, str) and COMMIT.fullmatch(commit_id) else ""


@for_device
async def patch_state(request: web.Request, server: Server, device: Device) -> web.StreamResponse:
    """Keep what a device says of itself; of another one it says nothing."""
    try:
        body = await body_of(request, REPORT_BYTES, server.dictionaries)
        changes = msgspec.json.decode(body, type=dict[str, dict[str, Any]])
    except (msgspec.MsgspecError, RecursionError):
        raise web.HTTPBadRequest(text="expected {uuid: {field: value}}") from None
    if set(changes) - {device.uuid}:
        raise unauthorized()
    change = changes.get(device.uuid, {})
    if _is_deeper(change, MOST_DEEP):
        raise web.HTTPBadRequest(text=f"a report is at most {MOST_DEEP} deep")
    device = devices.get(server.database, device.id)  # reading the request took a while
    report = merge(device.report, change)
    if len(msgspec.json.encode(report)) > REPORT_BYTES:
        raise web.HTTPRequestEntityTooLarge(REPORT_BYTES)
    with server.database.transaction():
        devices.save_report(server.database, device.id, report)
        commit_id = running(change, fleet.get(server.database).uuid)
        if commit_id:
            devices.save_running(server.database, device.id, commit_id)
    return web.Response(text="OK")


def _is_deeper(value: Any, most: int) -> bool:
    if not isinstance(value, dict | list):
        return False
    return most == 0 or any(
        _is_deeper(inner, most - 1) for inner in (value.values() if isinstance(value, dict) else value)
    )
