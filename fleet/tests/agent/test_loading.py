"""Layers into a real engine, and back out of it."""

from pathlib import Path

import pytest

from fleet.tests.agent.engine import DeviceEngine
from fleet.tests.agent.world import Service, World
from picket_fleet.deltas.layers import Layer, TarLayer
from picket_fleet.deltas.load import Content, EngineLayers, archive, from_layer, lacking
from picket_fleet.deltas.release import Image

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


def test_layers_go_in_once_and_come_out_as_they_were(world: World, engine: DeviceEngine, tmp_path: Path) -> None:
    first, second = (
        Image.of(world.image("web", Service(below={"lib/x": text, "lib/é" + "x" * 120: b"long"})))
        for text in (b"1", b"2")
    )

    sent_first = load(world, engine, first, [])
    sent_second = load(world, engine, second, [first])

    assert {entry["Id"] for entry in engine.api.get("/images/json")} == {f"sha256:{first.id}", f"sha256:{second.id}"}
    assert (len(sent_first), len(sent_second)) == (3, 2)  # that of busybox is there already
    there = EngineLayers(engine.machine.root, [first.layers, second.layers])
    copied = EngineLayers(tmp_path / "nowhere", [first.layers])
    (tmp_path / "copies").mkdir()
    copied.copy(engine.api.stream("/images/get", names=[first.id]), first.layers, tmp_path / "copies")
    assert there.are_readable and not copied.are_readable
    for diff_id in first.layers:
        tar = whole(diff_id, TarLayer(world.tars / diff_id))
        assert whole(diff_id, there.open(diff_id)) == whole(diff_id, copied.open(diff_id)) == tar


def load(world: World, engine: DeviceEngine, image: Image, known: list[Image]) -> list[str]:
    chains = EngineLayers(engine.machine.root, [one.layers for one in known]).chains
    needed = lacking([image], chains)

    def content(diff_id: str) -> Content:
        return from_layer(diff_id, TarLayer(world.tars / diff_id))

    engine.api.load(archive([image], needed, content, {image.id: [f"test/web:{image.id[:12]}"]}))
    return needed


def whole(diff_id: str, layer: Layer) -> bytes:
    return b"".join(from_layer(diff_id, layer).pieces())
