"""What can be done by the page: what picket_fleet.people decides, by the names there; arguments are checked by type."""

import inspect
from collections.abc import Callable
from typing import Any

import msgspec

from picket_fleet.errors import FleetError
from picket_fleet.people import inviting, rollout, steering
from picket_fleet.people.inviting import Invitation
from picket_fleet.people.session import Session
from picket_fleet.people.wording import timestamp
from picket_fleet.store import variables

Decision = Callable[..., Any]


def value_of(session: Session, name: str, service: str = "", device: str = "") -> dict[str, str]:
    """Return the value of a variable, which no list shows."""
    number, named = steering.scope(session, service, device)
    for variable in variables.everywhere(session.database):
        if (variable.name, variable.service, variable.device) == (name, named, number):
            return {"value": variable.value}
    raise FleetError(f"{name}: no such variable")


DECISIONS: dict[str, Decision] = {
    decision.__name__: decision
    for decision in (
        *(steering.pin, steering.rollback, steering.invalidate, steering.finalize, steering.note),
        *(steering.restart, steering.stop, steering.start, steering.identify, steering.rename, steering.remove),
        *(steering.tag_device, steering.tag_release, steering.set_variables, steering.unset_variables, value_of),
        *(inviting.invite, inviting.replace, inviting.take_back),
        *(rollout.rollout_policy, rollout.rollout_continue, rollout.rollout_halt, rollout.rollout_undo),
    )
}


def _arguments_of(decision: Decision) -> type[msgspec.Struct]:
    """Return the type of what a decision is given besides the session."""
    fields = [
        (one.name, one.annotation) if one.default is one.empty else (one.name, one.annotation, one.default)
        for one in list(inspect.signature(decision).parameters.values())[1:]
    ]
    return msgspec.defstruct(decision.__name__, fields, forbid_unknown_fields=True, kw_only=True)


ARGUMENTS = {name: _arguments_of(decision) for name, decision in DECISIONS.items()}


def decide(session: Session, name: str, body: bytes) -> dict[str, Any]:
    """Decide, and return what there is to show of it; raises FleetError for what can't be, or is not understood."""
    if name not in DECISIONS:
        raise FleetError(f"{name[:80]!r}: nothing that can be done")
    try:
        arguments = msgspec.structs.asdict(msgspec.json.decode(body, type=ARGUMENTS[name]))
    except (msgspec.MsgspecError, RecursionError) as error:
        raise FleetError(f"{name}: {error}") from None
    done = DECISIONS[name](session, **arguments)
    if isinstance(done, Invitation):
        return {"command": f"sudo {done.command}", "expires_at": timestamp(done.expires_at)}
    return done if isinstance(done, dict) else {"said": done}
