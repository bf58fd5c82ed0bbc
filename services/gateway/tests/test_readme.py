import re
from pathlib import Path

import msgspec

from picket.config import load
from picket.messages import OutputResult
from picket_gateway.commands import Wish

README = (Path(__file__).parents[1] / "README.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


def test_the_sample_configuration_is_valid(tmp_path: Path) -> None:
    file = tmp_path / "picket.yaml"
    file.write_text(blocks("yaml")[0])

    assert load(file, {}).mqtt.username == "hut"


def test_the_example_messages_are_valid() -> None:
    wish, result = blocks("json")

    assert msgspec.json.decode(wish, type=Wish).seconds == 5
    assert not msgspec.json.decode(result, type=OutputResult).accepted
