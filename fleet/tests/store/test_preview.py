"""What a release would do to each device, before it does."""

import hashlib
import json
from pathlib import Path
from typing import Any

import pytest

from picket_fleet.home import Configuration, Home, create
from picket_fleet.store import devices, keys, releases, variables
from picket_fleet.store.database import Database
from picket_fleet.store.devices import Device
from picket_fleet.store.effects import lines
from picket_fleet.store.preview import Draft, draft_of, preview
from picket_fleet.store.releases import Build, Release
from picket_fleet.store.variables import Variable

NOW = 1_795_280_572.0
RELAY = {"labels": {"io.picket.outputs": "all outputs go to their failsafe state"}}
SERVICES: dict[str, Any] = {"hub": {}, "relay": RELAY, "web": {"environment": {"COLOUR": "red"}}}


class Scene:
    """A fleet whose device hall runs a release of hub, relay and web."""

    def __init__(self, folder: Path) -> None:
        self.home: Home = create(folder / "fleet", Configuration("house", "raspberrypi4-64", "https://10.0.0.5:8443"))
        self.database: Database = self.home.database()
        begun = releases.begin(self.database, "1.0.0", NOW)
        build = Build({"services": SERVICES}, {name: self.config(name) for name in SERVICES})
        self.release = releases.publish(self.database, begun.id, build, self.home.sign, NOW)
        self.hall = self.join("hall", self.release)

    def config(self, *layers: str) -> bytes:
        """Return an image's config; its layers are there, each of 1000 bytes."""
        diff_ids = [hashlib.sha256(layer.encode()).hexdigest() for layer in ("base", *layers)]
        for diff_id in diff_ids:
            self.home.layer(diff_id).write_bytes(bytes(1000))
        return json.dumps({"rootfs": {"diff_ids": [f"sha256:{diff_id}" for diff_id in diff_ids]}}).encode()

    def join(self, name: str, runs: Release | None = None) -> Device:
        joined = devices.register(
            *(self.database,),
            uuid=hashlib.md5(name.encode()).hexdigest(),
            name=name,
            device_type="x",
            key=keys.new_key(),
            now=NOW,
        )
        devices.heard(self.database, [devices.Contact(joined.id, NOW, NOW + 60)])
        if runs:
            devices.save_running(self.database, joined.id, runs.commit_id)
        return joined

    def draft(self, services: dict[str, Any] | None = None, **images: str) -> Draft:
        """Return a release as it is, but for some services and images."""
        described = services or SERVICES
        configs = {name: self.config(images.get(name, name)) for name in described}
        return draft_of("d" * 32, {"services": described}, configs)

    def of(self, draft: Draft, delta: int | None = 612) -> dict[str, Any]:
        """Return what is said of hall."""
        found = preview(self.home, self.database, draft, lambda _base: delta, NOW)
        return next(one for one in found if one["device"] == "hall")


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.mark.parametrize(
    ("change", "restarts"),
    [
        pytest.param({}, [], id="nothing"),
        pytest.param({"web": "web 2"}, ["web"], id="another image"),
        pytest.param({"services": {**SERVICES, "web": {"environment": {"COLOUR": "blue"}}}}, ["web"], id="a variable"),
        pytest.param({"services": {**SERVICES, "hub": {"restart": "on-failure"}}}, ["hub"], id="a setting"),
    ],
)
def test_what_restarts_is_what_the_agent_would_replace(
    change: dict[str, Any], restarts: list[str], scene: Scene
) -> None:
    assert scene.of(scene.draft(**change))["restarts"] == restarts


def test_a_variable_of_the_device_that_hides_a_change_restarts_nothing(scene: Scene) -> None:
    variables.put(scene.database, Variable(scene.hall.id, "", "COLOUR", "green"))

    found = scene.of(scene.draft({**SERVICES, "web": {"environment": {"COLOUR": "blue"}}}))

    assert found["restarts"] == []


def test_services_that_come_and_go(scene: Scene) -> None:
    found = scene.of(scene.draft({"hub": {}, "relay": RELAY, "new": {}}))

    assert (found["starts"], found["stops"]) == (["new"], ["web"])


def test_bytes_are_the_deltas_or_of_the_layers_that_are_lacking(scene: Scene) -> None:
    draft = scene.draft(web="web 2")

    assert (scene.of(draft)["bytes"], scene.of(draft)["by"]) == (612, "delta")
    assert (scene.of(draft, delta=None)["bytes"], scene.of(draft, delta=None)["by"]) == (1000, "layers")


def test_outputs_that_drop_are_told_with_the_time_that_was_measured(scene: Scene) -> None:
    draft = scene.draft(relay="relay 2")
    [unknown] = scene.of(draft)["outputs"]
    other = scene.join("attic", scene.release)
    devices.save_report(scene.database, other.id, {"downtimes": {"relay": 4.1}})
    [elsewhere] = scene.of(draft)["outputs"]
    devices.save_report(scene.database, scene.hall.id, {"downtimes": {"relay": 3.2}})
    [own] = scene.of(draft)["outputs"]

    assert unknown["what"] == "all outputs go to their failsafe state"
    assert [(one["seconds"], one["measured_on"]) for one in (unknown, elsewhere, own)] == [
        (None, ""),
        (4.1, "attic"),
        (3.2, "hall"),
    ]


def test_it_is_said_in_a_line_for_all_of_which_the_same_is_to_be_said(scene: Scene) -> None:
    devices.save_report(
        scene.database, scene.hall.id, {"update_locks": {"relay": "siren pulses"}, "downtimes": {"relay": 3.2}}
    )
    for name in ("attic", "cellar"):
        scene.join(name, scene.release)
    devices.pin(scene.database, scene.join("shed", scene.release).id, scene.release.id)
    draft = scene.draft(relay="relay 2")

    said = lines(preview(scene.home, scene.database, draft, lambda _base: 612, NOW))

    assert sorted(said) == [
        "attic, cellar: restarts relay; 612 bytes; all outputs go to their failsafe state for 3.2 s"
        " (as last time, on hall) (relay)",
        "hall: restarts relay; 612 bytes; all outputs go to their failsafe state for 3.2 s (as last time) (relay);"
        " relay holds an update lock: siren pulses",
        "shed: pinned, stays as it is",
    ]


def test_a_device_that_runs_nothing_yet_gets_all(scene: Scene) -> None:
    scene.join("new")

    found = {one["device"]: one for one in preview(scene.home, scene.database, scene.draft(), lambda _base: 1, NOW)}

    assert found["new"]["release"] is None
    assert (found["new"]["starts"], found["new"]["bytes"]) == (["hub", "relay", "web"], 4000)
