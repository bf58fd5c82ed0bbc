"""What goes wrong, with a real engine and a real server: one whole release runs, and the next try does better."""

import hashlib
import json
import secrets
import signal
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from fleet.tests.agent.agent import AgentProcess, wait_for
from fleet.tests.agent.engine import DeviceEngine
from fleet.tests.agent.world import SLEEP, Service, World
from picket_fleet.agent.sweep import sweep
from picket_fleet.errors import FleetError

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

STEPS = ["download", "load", "sync", "create", "lock", "stop", "rename", "start", "judge", "record", "clean"]
MOMENTS = [
    *(("before", step) for step in ["prepare", *STEPS]),
    ("after", "load"),
    ("after", "record"),
    ("after", "clean"),
]
CRASHES = "exit 3"
UNHURRIED = {"health_seconds": 2.0}  # on a busy machine what ends at once may seem to run for a moment


@pytest.mark.parametrize(("when", "step"), MOMENTS)
def test_a_killed_agent_takes_up_where_it_was(world: World, agent: AgentProcess, when: str, step: str) -> None:
    is_first = step == "prepare"
    first = world.publish(hub=Service(), web=Service())
    if not is_first:
        agent.start()
        agent.settles_on(first)
        agent.stop()
    second = world.publish(hub=Service(), web=Service(SLEEP + " # new"))

    agent.start(when, step)
    ended = agent.wait()
    reached = agent.read("progress")["step"]
    agent.start()
    running = agent.settles_on(second)

    assert ended == -signal.SIGKILL
    assert reached == step
    assert running.keys() == {"hub", "web"}


def test_a_killed_engine_is_waited_for_and_what_it_left_is_swept(
    world: World, agent: AgentProcess, engine: DeviceEngine
) -> None:
    first = world.publish(hub=Service(), web=Service())
    agent.start()
    agent.settles_on(first)

    while not cut_power_amid_a_load(world, agent, engine):
        pass  # this test slept through it

    assert engine.containers().keys() == {"hub", "web"}


def cut_power_amid_a_load(world: World, agent: AgentProcess, engine: DeviceEngine) -> list[str]:
    """Have a large release begun, which then comes to run all the same; return what was swept in between."""
    overlays = engine.machine.root / "overlay2"
    before = len(list(overlays.iterdir()))
    big = {f"big{number}": secrets.token_bytes(8 << 20) for number in range(4)}
    release = world.publish(hub=Service(), web=Service(more=big))
    wait_for("the load", lambda: len(list(overlays.iterdir())) > before or agent.is_settled(release))
    engine.machine.cut_power()
    swept = sweep(engine.machine.root)
    engine.machine.start()
    agent.settles_on(release)
    return swept


def test_nothing_is_swept_while_the_engine_runs(engine: DeviceEngine) -> None:
    with pytest.raises(FleetError, match="the engine runs"):
        sweep(engine.machine.root)


def test_a_damaged_delta_is_told_once_and_the_layers_come(world: World, agent: AgentProcess) -> None:
    agent.start()
    agent.settles_on(world.publish(web=Service()))
    world.spoils_deltas = True

    second = world.publish(web=Service(SLEEP + " # new"))
    agent.settles_on(second)

    assert agent.log().count("the delta does not do") == 1
    assert world.layers_of(second)[-1] in world.layers_asked()


def test_a_damaged_layer_at_the_server_is_not_taken(world: World, agent: AgentProcess, engine: DeviceEngine) -> None:
    first = world.publish(web=Service())
    agent.start()
    before = agent.settles_on(first)
    world.has_deltas = False
    whole = world.spoil_next_layer()

    second = world.publish(web=Service(SLEEP + " # new"))
    wait_for("the trouble", lambda: "is damaged" in agent.log())
    wait_for("the report", lambda: "is damaged" in world.status(agent.device, second).get("reason", ""))
    kept = engine.containers()
    whole()
    after = agent.settles_on(second)

    assert kept["web"].id == before["web"].id
    assert after["web"].id != before["web"].id


def test_a_damaged_layer_of_the_engine_does_not_hold_the_update_back(
    world: World, agent: AgentProcess, engine: DeviceEngine
) -> None:
    first = world.publish(web=Service(more={"text": b"".join(b"%d bottles\n" % n for n in range(3000))}))
    agent.start()
    agent.settles_on(first)
    [text] = [file for file in (engine.machine.root / "overlay2").glob("*/diff/text") if file.is_file()]
    data = bytearray(text.read_bytes())
    data[7] ^= 1
    text.write_bytes(data)

    second = world.publish(web=Service(more={"text": b"".join(b"%d glasses\n" % n for n in range(3000))}))
    running = agent.settles_on(second)

    assert running.keys() == {"web"}


def test_a_release_that_somebody_else_signed_is_left_alone(
    world: World, agent: AgentProcess, engine: DeviceEngine
) -> None:
    first = world.publish(web=Service())
    agent.start()
    before = agent.settles_on(first)
    world.sign = Ed25519PrivateKey.generate().sign

    world.publish(web=Service(SLEEP + " # evil"))
    wait_for("the trouble", lambda: "not signed by this fleet" in agent.log())
    wait_for("the report", lambda: "not signed" in json.dumps(world.report(agent.device)))
    kept = engine.containers()
    world.sign = world.home.sign
    agent.settles_on(world.publish(web=Service(SLEEP + " # good")))

    assert kept["web"].id == before["web"].id
    assert agent.log().count("not signed by this fleet") == 1


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        pytest.param(Service(CRASHES), "it ended", id="it crashes at start"),
        pytest.param(
            Service(config={"Healthcheck": {"Test": ["CMD-SHELL", "false"], "Interval": 10**9, "Retries": 1}}),
            "not healthy",
            id="it says it is unhealthy",
        ),
        pytest.param(Service(compose={"devices": ["/dev/none:/dev/none"]}), "/dev/none", id="it can't be started"),
        pytest.param(Service(compose={"ports": ["70000:80"]}), "web", id="it can't be created"),
        pytest.param(Service(compose={"mem_limit": "lots"}), "no size", id="it makes no sense"),
    ],
)
def test_a_release_that_does_not_run_is_rolled_back(world: World, agent: AgentProcess, bad: Service, why: str) -> None:
    first = world.publish(hub=Service(), web=Service())
    agent.change(settings=UNHURRIED)
    agent.start()
    before = agent.settles_on(first)

    second = world.publish(hub=Service(), web=bad)
    wait_for("the report", lambda: world.status(agent.device, second).get("update_status") == "rejected")
    running = agent.settles_on(first)
    agent.stop()
    agent.start()
    wait_for("the report", lambda: why in world.status(agent.device, second).get("reason", ""))
    again = agent.settles_on(first)
    agent.settles_on(world.publish(hub=Service(), web=Service(SLEEP + " # mended")))

    assert {name: c.id for name, c in running.items()} == {name: c.id for name, c in before.items()}
    assert again["web"].started_at == running["web"].started_at
    assert agent.log().count("Going back") == 1
    assert running["web"].restart == "always"


def test_a_first_release_that_crashes_is_tried_on(world: World, agent: AgentProcess) -> None:
    first = world.publish(web=Service(CRASHES))
    agent.change(settings=UNHURRIED)

    agent.start()
    wait_for("the report", lambda: world.status(agent.device, first).get("update_status") == "rejected")

    agent.settles_on(world.publish(web=Service()))


def test_a_download_that_breaks_off_is_resumed(world: World, agent: AgentProcess, engine: DeviceEngine) -> None:
    first = world.publish(web=Service())
    agent.start()
    before = agent.settles_on(first)
    world.has_deltas, world.breaks_off = False, True

    second = world.publish(web=Service(more={"big": secrets.token_bytes(3 << 20)}))
    wait_for("the trouble", lambda: "broke off" in agent.log())
    world.stop()
    kept = engine.containers()
    world.breaks_off = False
    world.start()
    agent.settles_on(second)

    assert kept["web"].id == before["web"].id
    assert world.resumed


def test_a_full_disk_is_told_and_the_old_release_runs_on(
    world: World, agent: AgentProcess, engine: DeviceEngine
) -> None:
    first = world.publish(web=Service())
    agent.start()
    before = agent.settles_on(first)
    agent.stop()
    agent.change(settings={"reserve_bytes": 1 << 60})
    agent.start()

    second = world.publish(web=Service(SLEEP + " # new"))
    wait_for("the report", lambda: "too full" in world.status(agent.device, second).get("reason", ""))
    kept = engine.containers()
    agent.stop()
    agent.change(settings={"reserve_bytes": 1 << 20})
    agent.start()
    agent.settles_on(second)

    assert kept["web"].id == before["web"].id


@pytest.mark.parametrize(
    "wrong",
    [
        pytest.param({"key": "x" * 43}, id="key"),
        pytest.param({"fingerprint": hashlib.sha256(b"another").hexdigest()}, id="fingerprint"),
    ],
)
def test_a_server_that_is_not_to_be_believed_changes_nothing(
    world: World, agent: AgentProcess, engine: DeviceEngine, wrong: dict[str, str]
) -> None:
    first = world.publish(web=Service())
    agent.start()
    before = agent.settles_on(first)
    agent.stop()
    agent.change(**wrong)

    agent.start()
    world.publish(web=Service(SLEEP + " # new"))
    wait_for("the trouble", lambda: "server: " in agent.log())

    assert engine.containers()["web"].id == before["web"].id
    assert agent.device.key not in agent.log()


def test_an_engine_that_does_not_answer_is_told(world: World, agent: AgentProcess, engine: DeviceEngine) -> None:
    release = world.publish(web=Service())
    agent.start()
    agent.settles_on(release)
    wait_for("the report", lambda: world.status(agent.device, release).get("update_status") == "done")

    engine.machine.cut_power()
    said = wait_for("the trouble", lambda: _aborted(world.status(agent.device, release)))
    engine.machine.start()
    wait_for("the report", lambda: world.status(agent.device, release).get("update_status") == "done")

    assert "does not answer" in said["reason"]
    assert said["services"]["web"]["status"] == "unknown"


def _aborted(status: dict[str, Any]) -> dict[str, Any] | None:
    return status if status.get("update_status") == "aborted" else None
