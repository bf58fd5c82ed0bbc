import re
from pathlib import Path

import msgspec

from picket.config import load
from picket.messages import OutputCommand, ThresholdEvent

README = (Path(__file__).parents[1] / "README.md").read_text()
SURROUNDINGS = """
device: hut
adc_boards: {main: {}}
io_boards: {main: {}}
inputs: {hall: {kind: analog_pir, channel: 1}, kitchen: {kind: analog_pir, channel: 2}}
outputs: {light: {pin: 1}, siren: {pin: 2}}
collectors: {freezer: {kind: thermometer}, ups: {kind: nut}}
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_sample_configuration_is_valid(tmp_path: Path) -> None:
    file = tmp_path / "picket.yaml"
    file.write_text(SURROUNDINGS + blocks("yaml")[0])

    config = load(file, {})

    assert list(config.rules) == ["hall_light", "intruder", "power_cut_light"]
    assert list(config.thresholds) == ["power_cut", "freezer_warm"]


def test_the_example_messages_are_valid() -> None:
    command, event = blocks("json")

    assert msgspec.json.decode(command, type=OutputCommand).origin == "rule hall_light"
    alert = msgspec.json.decode(event, type=ThresholdEvent)
    assert alert.id == f"freezer_warm-{int(alert.began_at.timestamp() * 1000):x}"
