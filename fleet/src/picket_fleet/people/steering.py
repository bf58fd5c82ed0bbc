"""What people decide of a fleet, by the command line or the page: each returns, in words, what came of it.

Devices, releases and services are given as people name them (picket_fleet.people.names); "" is all of them, or none.
FleetError says what is not possible, and why.
"""

from collections.abc import Callable, Iterable, Mapping

from picket_fleet.errors import FleetError
from picket_fleet.people import names
from picket_fleet.people.session import Session
from picket_fleet.store import devices, fleet, releases, rollouts, variables
from picket_fleet.store.devices import Device
from picket_fleet.store.releases import Release
from picket_fleet.store.variables import Variable


def pin(session: Session, release: str, device: str = "") -> str:
    """Have the fleet, or a device, run a release; with "latest" it follows again."""
    chosen = None if release == "latest" else names.release(session.database, release)
    return _set_pin(session, chosen, _device(session, device))


def rollback(session: Session, device: str = "") -> str:
    """Pin the last good release before the one now."""
    one = _device(session, device)
    previous = releases.previous(session.database, one)
    if previous is None:
        raise FleetError("there is no good release before this one")
    return _set_pin(session, previous, one)


def invalidate(session: Session, release: str, undo: bool = False) -> str:
    """Let a release not be followed any more, or be again."""
    one = names.release(session.database, release)
    with session.database.transaction():
        runs = releases.target_of(session.database, None)
        releases.invalidate(session.database, one.id, is_invalidated=not undo)
        if runs and not releases.target_of(session.database, None):
            raise FleetError(f"{one.version} is the only good release: without it devices would run nothing")
    return f"{one.version} is {'good again' if undo else 'invalidated'}; {_runs(session)}"


def finalize(session: Session, release: str) -> str:
    """Make a draft a release that is followed."""
    draft = names.release(session.database, release)
    final = releases.finalise(session.database, draft.id, session.home.sign)
    return f"{draft.version} is {final.version} now; {_runs(session)}"


def note(session: Session, release: str, text: str) -> str:
    """Write a release's note."""
    one = names.release(session.database, release)
    releases.annotate(session.database, one.id, text)
    return f"{one.version}: {text}"


def restart(session: Session, device: str, service: str = "") -> str:
    """Have a service of a device restarted, or all."""
    one, named = _device_and_service(session, device, service)
    devices.restart(session.database, one.id, named)
    return f"{one.name} restarts {named or 'all its services'} {_when(session, one)}"


def stop(session: Session, device: str, service: str) -> str:
    """Have a service of a device stop, and stay so."""
    one, named = _device_and_service(session, device, service)
    devices.stop(session.database, one.id, named)
    return f"{one.name} stops {named} {_when(session, one)}; it stays so until 'fleet start'"


def start(session: Session, device: str, service: str) -> str:
    """Let a service of a device run again."""
    one, named = _device_and_service(session, device, service)
    if named not in devices.stopped(session.database, one.id):
        raise FleetError(f"{named} was not stopped on {one.name}; 'fleet restart' restarts it")
    devices.start(session.database, one.id, named)
    return f"{one.name} starts {named} {_when(session, one)}"


def identify(session: Session, device: str) -> str:
    """Have a device show which one it is, if it is there."""
    one = names.device(session.database, device)
    if not one.is_online(session.now):
        raise FleetError(f"{one.name} is offline")
    devices.identify(session.database, one.id)
    return f"{one.name} blinks, or says in its log that it can't"


def rename(session: Session, device: str, name: str) -> str:
    """Give a device another name."""
    one = names.device(session.database, device)
    names.check_new(name)
    devices.rename(session.database, one.id, name)
    return f"{one.name} is {name} now"


def remove(session: Session, device: str, force: bool = False) -> str:
    """Forget a device; one that is online only by `force`."""
    one = names.device(session.database, device)
    if one.is_online(session.now) and not force:
        raise FleetError(f"{one.name} is online: stop its agent first, or --force")
    devices.remove(session.database, one.id)
    return f"{one.name} is forgotten"


def tag_device(session: Session, device: str, tags: Mapping[str, str]) -> str:
    """Set tags of a device; an empty value removes one."""
    _tag(session, names.device(session.database, device).id, tags, devices.tag)
    return f"{device}: {_assigned(tags)}"


def tag_release(session: Session, release: str, tags: Mapping[str, str]) -> str:
    """Set tags of a release; an empty value removes one."""
    _tag(session, names.release(session.database, release).id, tags, releases.tag)
    return f"{release}: {_assigned(tags)}"


def set_variables(session: Session, values: Mapping[str, str], service: str = "", device: str = "") -> str:
    """Set variables; what they reach is started anew."""
    number, named = scope(session, service, device)
    given = [Variable(number, named, name, value) for name, value in values.items()]
    for variable in given:
        variables.check(variable)
    with session.database.transaction():
        for variable in given:
            variables.put(session.database, variable)
    return f"{', '.join(values)}: set {_reach(service, device)}"


def unset_variables(session: Session, unwanted: Iterable[str], service: str = "", device: str = "") -> str:
    """Remove variables."""
    number, named = scope(session, service, device)
    removed = list(unwanted)
    with session.database.transaction():
        for name in removed:
            try:
                variables.remove(session.database, number, named, name)
            except FleetError as error:
                elsewhere = any(variable.name == name for variable in variables.everywhere(session.database))
                hint = f"; it is set elsewhere ('fleet env list'), not {_reach(service, device)}" if elsewhere else ""
                raise FleetError(f"{error}{hint}") from None
    return f"{', '.join(removed)}: removed {_reach(service, device)}"


def scope(session: Session, service: str = "", device: str = "") -> tuple[int | None, str]:
    """Return the id of the device and the service that are meant; None and "" for all."""
    number = names.device(session.database, device).id if device else None
    return number, names.service(session.database, service) if service else ""


def _set_pin(session: Session, release: Release | None, device: Device | None) -> str:
    if device is None:
        fleet.pin(session.database, release.id if release else None)
        return _runs(session)
    devices.pin(session.database, device.id, release.id if release else None)
    now = releases.target_of(session.database, devices.get(session.database, device.id))
    runs = now.version if now else "nothing yet"
    return f"{device.name} is to run {runs}{' (pinned)' if release else ', as its fleet does'}"


def _runs(session: Session) -> str:
    """Say what the fleet is to run, and who does not follow it."""
    now = releases.target_of(session.database, None)
    if now and rollouts.is_under_way(session.database):
        return f"the fleet is to run {now.version}, but for those to whom a newer one is rolled out ('fleet rollout')"
    is_pinned = fleet.get(session.database).pinned_release is not None
    why = "pinned, until 'fleet pin --latest'" if is_pinned else "the latest"
    text = f"the fleet is to run {now.version} ({why})" if now else "the fleet has nothing to run"
    others = [device.name for device in devices.everyone(session.database) if device.pinned_release is not None]
    return f"{text}; pinned by themselves: {names.some(others)}" if others else text


def _device(session: Session, text: str) -> Device | None:
    return names.device(session.database, text) if text else None


def _device_and_service(session: Session, device: str, service: str) -> tuple[Device, str]:
    one = names.device(session.database, device)
    return one, names.service(session.database, service) if service else ""


def _when(session: Session, device: Device) -> str:
    return "now" if device.is_online(session.now) else "when it is back: it is offline"


def _tag(session: Session, number: int, tags: Mapping[str, str], put: Callable[..., None]) -> None:
    with session.database.transaction():
        for name, value in tags.items():
            put(session.database, number, name, value or None)


def _assigned(tags: Mapping[str, str]) -> str:
    return ", ".join(f"{name}={value}" for name, value in tags.items())


def _reach(service: str, device: str) -> str:
    return f"for {service or 'all services'} on {device or 'all devices'}"
