"""An agent with a real engine and a real server: what runs is what is to run, and no more is touched than must be."""

import time
from pathlib import Path

import pytest

from fleet.tests.agent.agent import AgentProcess, wait_for
from fleet.tests.agent.engine import DeviceEngine
from fleet.tests.agent.world import SLEEP, Service, World
from picket_fleet.store import devices, variables
from picket_fleet.store.releases import Release
from picket_fleet.store.variables import Variable

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_a_fresh_device_comes_to_run_the_release(world: World, agent: AgentProcess, engine: DeviceEngine) -> None:
    release = world.publish(
        hub=Service(compose={"volumes": ["state:/data"], "environment": {"COLOUR": "red"}}),
        web=Service("echo the web is up; " + SLEEP, compose={"depends_on": ["hub"]}),
    )

    agent.start()
    running = agent.settles_on(release)

    assert running.keys() == {"hub", "web"}
    hub = engine.api.get(f"/containers/{running['hub'].id}/json")
    assert {"COLOUR=red", "BALENA_SERVICE_NAME=hub", "RESIN_APP_ID=1"} <= set(hub["Config"]["Env"])
    assert "1_state:/data" in hub["HostConfig"]["Binds"]
    assert hub["HostConfig"]["RestartPolicy"]["Name"] == "always"
    wait_for("the report", lambda: world.status(agent.device, release).get("update_status") == "done")
    assert world.services(agent.device, release) == {"hub": "Running", "web": "Running"}
    wait_for("the log", lambda: "the web is up" in world.log(agent.device))


def test_a_changed_line_replaces_that_service_alone_and_comes_as_a_delta(
    world: World, agent: AgentProcess, engine: DeviceEngine
) -> None:
    first = world.publish(hub=Service(), web=Service())
    agent.start()
    before = agent.settles_on(first)

    second = world.publish(hub=Service(), web=Service(SLEEP + " # better"))
    after = agent.settles_on(second)

    assert after["hub"].id == before["hub"].id
    assert after["hub"].started_at == before["hub"].started_at
    assert after["web"].id != before["web"].id
    assert world.layers_asked() == world.layers_of(first)
    assert len(engine.api.get("/images/json")) == 2  # those of the first release are gone
    assert agent.memory()["VmHWM"] < 64


def test_a_variable_replaces_what_has_it(world: World, agent: AgentProcess, engine: DeviceEngine) -> None:
    release = world.publish(hub=Service(), web=Service())
    agent.start()
    before = agent.settles_on(release)

    variables.put(world.database, Variable(None, "web", "COLOUR", "blue"))
    wait_for("the new container", lambda: _environment(engine, "web") >= {"COLOUR=blue"})
    after = agent.settles_on(release)

    assert after["hub"].id == before["hub"].id
    assert after["web"].id != before["web"].id


def test_a_service_that_is_gone_from_the_release_goes_and_its_volume_stays(
    world: World, agent: AgentProcess, engine: DeviceEngine
) -> None:
    agent.start()
    agent.settles_on(world.publish(hub=Service(), old=Service(compose={"volumes": ["state:/data"]})))

    running = agent.settles_on(world.publish(hub=Service()))

    assert running.keys() == {"hub"}
    assert "1_state" in {volume["Name"] for volume in engine.api.get("/volumes")["Volumes"]}


def test_a_layer_under_a_new_one_is_downloaded_no_second_time(world: World, agent: AgentProcess) -> None:
    big = {"big": bytes(range(256)) * 4000}
    first = world.publish(web=Service(below={"lib/old": b"1"}, more=big))
    agent.start()
    agent.settles_on(first)
    world.has_deltas = False

    second = world.publish(web=Service(below={"lib/new": b"2"}, more=big))
    agent.settles_on(second)

    asked = world.layers_asked()
    assert len(asked) == len(set(asked)) == len(set(world.layers_of(first)) | set(world.layers_of(second)))


def test_what_somebody_asks_to_restart_is_restarted_once(world: World, agent: AgentProcess) -> None:
    release = world.publish(hub=Service(), web=Service())
    agent.start()
    before = agent.settles_on(release)
    wait_for("what is done", lambda: (agent.folder / "restarts.json").exists())

    devices.restart(world.database, devices.find(world.database, "house").id, "web")
    wait_for(
        "the restart",
        lambda: agent.engine.containers().get("web", before["web"]).started_at != before["web"].started_at,
    )
    after = agent.settles_on(release)

    assert after["web"].id == before["web"].id
    assert after["hub"].started_at == before["hub"].started_at


def test_a_service_is_stopped_stays_so_with_the_next_release_and_is_started_again(
    world: World, agent: AgentProcess
) -> None:
    release = world.publish(hub=Service(), web=Service())
    agent.start()
    before = agent.settles_on(release)
    device = devices.find(world.database, "house").id

    devices.stop(world.database, device, "web")
    wait_for("its end", lambda: world.services(agent.device, release).get("web") == "Stopped")
    running = agent.settles_on(release)
    assert {name: found.id for name, found in running.items()} == {"hub": before["hub"].id}

    release = world.publish(hub=Service("echo new; " + SLEEP), web=Service("echo new; " + SLEEP))
    assert agent.settles_on(release).keys() == {"hub"}

    devices.start(world.database, device, "web")
    wait_for("web", lambda: "web" in agent.engine.containers())
    assert agent.settles_on(release).keys() == {"hub", "web"}


def test_it_shows_which_device_it_is_when_asked_and_not_again_when_it_is_started_anew(
    world: World, agent: AgentProcess
) -> None:
    release = world.publish(web=Service())
    agent.start()
    agent.settles_on(release)
    device = devices.find(world.database, "house").id

    devices.identify(world.database, device)
    wait_for("its word", lambda: "This is the device" in world.log(agent.device))
    agent.stop()
    agent.start()
    devices.restart(world.database, device, "web")
    wait_for("something later", lambda: "Restarting service 'web'" in world.log(agent.device))

    assert world.log(agent.device).count("This is the device") == 1


def test_a_device_starts_without_its_server(world: World, agent: AgentProcess, engine: DeviceEngine) -> None:
    release = world.publish(web=Service())
    agent.start()
    running = agent.settles_on(release)
    agent.stop()
    world.stop()
    engine.api.delete(f"/containers/{running['web'].id}", force=1)

    agent.start()

    wait_for("the service", lambda: engine.containers().keys() == {"web"})
    assert agent.log().count("does not answer") == 1


def test_services_reach_each_other_by_the_networks_they_share(
    world: World, agent: AgentProcess, engine: DeviceEngine
) -> None:
    both = {"front": {"aliases": ["shop"]}, "back": {}}
    serve = "echo hello > /tmp/index.html; exec busybox httpd -f -p 80 -h /tmp"
    ask = "until busybox wget -q -O - http://{}/index.html; do sleep 1; done; " + SLEEP
    networks = {"front": {}, "back": {"ipam": {"config": [{"subnet": "10.99.7.0/24"}]}}}

    release = world.publish(
        networks=networks,
        web=Service(serve, compose={"networks": both}),
        guest=Service(ask.format("shop"), compose={"networks": ["front"]}),
        cook=Service(ask.format("web"), compose={"networks": ["back"]}),
        waiter=Service(ask.format("127.0.0.1"), compose={"network_mode": "service:web"}),
    )
    agent.start()
    running = agent.settles_on(release)

    attached = engine.api.get(f"/containers/{running['web'].id}/json")["NetworkSettings"]["Networks"]
    assert attached.keys() == {"1_front", "1_back"}
    assert attached["1_back"]["IPAddress"].startswith("10.99.7.")
    wait_for("all to be answered", lambda: world.log(agent.device).count("hello") == 3)


def test_a_network_of_other_addresses_is_made_anew(world: World, agent: AgentProcess, engine: DeviceEngine) -> None:
    def release(subnet: str) -> Release:
        return world.publish({"default": {"ipam": {"config": [{"subnet": subnet}]}}}, web=Service())

    agent.start()
    agent.settles_on(release("10.99.7.0/24"))

    running = agent.settles_on(release("10.99.8.0/24"))

    attached = engine.api.get(f"/containers/{running['web'].id}/json")["NetworkSettings"]["Networks"]
    assert attached["1_default"]["IPAddress"].startswith("10.99.8.")


@pytest.mark.parametrize("strategy", ["download-then-kill", "kill-then-download", "delete-then-download", "hand-over"])
def test_each_strategy_ends_with_the_new_release(
    world: World, agent: AgentProcess, engine: DeviceEngine, strategy: str
) -> None:
    labels = {"io.balena.update.strategy": strategy, "io.balena.update.handover-timeout": "500"}
    first = world.publish(hub=Service(), web=Service(compose={"labels": labels}))
    agent.start()
    before = agent.settles_on(first)

    second = world.publish(hub=Service(), web=Service(SLEEP + " # new", compose={"labels": labels}))
    after = agent.settles_on(second)

    assert after["hub"].id == before["hub"].id
    assert after["web"].id != before["web"].id
    assert len(engine.api.get("/images/json")) == 2


def test_hand_over_lets_the_old_one_go_when_the_new_one_says_so(
    world: World, agent: AgentProcess, engine: DeviceEngine
) -> None:
    labels = {"io.balena.update.strategy": "hand-over", "io.balena.update.handover-timeout": "50000"}
    first = world.publish(web=Service(compose={"labels": labels}))
    agent.start()
    old = agent.settles_on(first)["web"].id
    second = world.publish(web=Service(SLEEP + " # new", compose={"labels": labels}))
    both = wait_for("both", lambda: len(engine.api.get("/containers/json")) == 2)
    folder = Path(agent.device.settings.lock_folder) / "1" / "web"

    (folder / "handover-complete").touch()
    running = agent.settles_on(second)

    assert both
    assert running["web"].id != old


def test_a_lock_holds_the_update_back_and_the_download_not(
    world: World, agent: AgentProcess, engine: DeviceEngine
) -> None:
    first = world.publish(hub=Service(), web=Service())
    agent.start()
    before = agent.settles_on(first)
    lock = Path(agent.device.settings.lock_folder) / "1" / "hub" / "updates.lock"
    lock.touch()

    second = world.publish(hub=Service(), web=Service(SLEEP + " # new"))
    wait_for("the lock to be met", lambda: "Updates are locked by hub" in agent.log())
    wait_for("the report", lambda: world.status(agent.device, second).get("update_status") == "downloaded")
    held = engine.containers()
    lock.unlink()
    after = agent.settles_on(second)

    assert held["web"].id == before["web"].id
    assert after["web"].id != before["web"].id
    assert not lock.exists()


def test_a_service_that_may_do_little_may_lock(world: World, agent: AgentProcess) -> None:
    little = {"read_only": True, "tmpfs": ["/tmp", "/run"], "cap_drop": ["ALL"], "user": "1000:1000"}
    locking = 'set -C; : > "$BALENA_APP_LOCK_PATH" && echo locked; '

    release = world.publish(web=Service(locking + SLEEP, compose={**little, "security_opt": ["no-new-privileges"]}))
    agent.start()
    agent.settles_on(release)

    assert (Path(agent.device.settings.lock_folder) / "1" / "web" / "updates.lock").stat().st_uid == 1000


def test_a_lock_is_overridden_when_the_fleet_says_so(world: World, agent: AgentProcess) -> None:
    first = world.publish(web=Service())
    agent.start()
    agent.settles_on(first)
    (Path(agent.device.settings.lock_folder) / "1" / "web" / "updates.lock").touch()
    second = world.publish(web=Service(SLEEP + " # new"))
    wait_for("the lock to be met", lambda: "Updates are locked" in agent.log())

    variables.put(world.database, Variable(None, "", "BALENA_SUPERVISOR_OVERRIDE_LOCK", "1"))

    agent.settles_on(second)


def test_an_idle_agent_is_small(world: World, agent: AgentProcess) -> None:
    agent.start()
    agent.settles_on(world.publish(**{f"service-{number}": Service() for number in range(3)}))
    began = time.monotonic()

    wait_for("some time at rest", lambda: time.monotonic() - began > 2)

    assert agent.memory()["VmRSS"] < 40, agent.memory()


def _environment(engine: DeviceEngine, service: str) -> set[str]:
    container = engine.containers().get(service)
    return set(engine.api.get(f"/containers/{container.id}/json")["Config"]["Env"]) if container else set()
