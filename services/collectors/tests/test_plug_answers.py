"""What the answers of TP-Link Kasa plugs mean, as they were recorded, and the same over each of their languages."""

import json
import time as wall
from contextlib import ExitStack, closing
from pathlib import Path
from typing import Any

import pytest

from picket_collectors.plug_answers import Answer, meters, outlets, plain, plug_answer, smart_answer
from picket_collectors.source import Site, SourceError
from picket_simulator.kasa_plug import NOT_KNOWN
from picket_simulator.plug_server import PlugServer, Speaks
from services.collectors.tests.plugs import ACCOUNT, MAC, source, told

CASES = sorted((Path(__file__).parent / "golden" / "kasa").iterdir())


def answers(case: Path) -> dict[str, Any]:
    loaded: dict[str, Any] = json.loads((case / "answers.json").read_text(encoding="utf-8"))
    return {"meters": [loaded["said"]], **loaded}


def expected(case: Path) -> Answer:
    return Answer(**json.loads((case / "expected.json").read_text(encoding="utf-8")))


def is_smart(case: Path) -> bool:
    return "get_device_info" in answers(case)["said"]


class RecordedPlug:
    """A plug that says what a case says, in the language of its kind."""

    mac = MAC

    def __init__(self, case: Path) -> None:
        recorded = answers(case)
        self.said, self.meters, self.smart = recorded["said"], recorded["meters"], is_smart(case)

    def answer(self, asked: Any, _now: float) -> Any:
        if self.smart:
            return self._smart(asked)
        if child := asked.get("context", {}).get("child_ids"):
            return self.meters[[outlet["id"] for outlet in outlets(self.said)].index(child[0])]
        return {module: self.said.get(module, NOT_KNOWN) for module in asked}

    def _smart(self, asked: Any) -> Any:
        if "method" not in asked:
            return {"error_code": -1003}
        if asked["method"] != "multipleRequest":
            return self._one(asked["method"])
        each = [{"method": one["method"], **self._one(one["method"])} for one in asked["params"]["requests"]]
        return {"error_code": 0, "result": {"responses": each}}

    def _one(self, method: str) -> Any:
        said = self.said[method]
        return said if said.get("error_code") else {"error_code": 0, "result": said}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_answers_are_read(case: Path) -> None:
    said, metered = answers(case)["said"], answers(case)["meters"]

    if is_smart(case):  # python-kasa puts an error's number in the place of what there is not
        read = smart_answer({method: answer.get("error_code", answer) for method, answer in said.items()})
    else:
        read = plug_answer(said, metered[: len(meters(said))])

    assert read._replace(outlets=list(read.outlets)) == expected(case)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("case", "speaks"),
    [
        pytest.param(case, speaks, id=f"{case.name}-{speaks}")
        for case in CASES
        for speaks in (["KLAP 2"] if is_smart(case) else ["XOR", "KLAP 1", "KLAP 2"])
    ],
)
def test_the_same_is_read_over_the_wire(case: Path, speaks: Speaks, site: Site) -> None:
    _, values, each = expected(case)

    with ExitStack() as stack:
        plug = stack.enter_context(PlugServer("127.0.0.1", 0, RecordedPlug(case), speaks, **ACCOUNT))
        plugs = stack.enter_context(closing(source(site, {"rack": plug}, **ACCOUNT)))
        parts = plugs.sample()

    assert told(parts) == {"rack": values, **{f"rack_{n}": outlet for n, outlet in enumerate(each, start=1)}}
    assert all(abs(part.time_ns - wall.time_ns()) < 60e9 for part in parts)


@pytest.mark.parametrize(
    ("said", "text"),
    [
        pytest.param({}, "says not what it is", id="nothing"),
        pytest.param([], "says not what it is", id="a-list"),
        pytest.param({"system": {"get_sysinfo": {"err_code": -3}}}, "says not what it is", id="an-error"),
        pytest.param({"system": "down"}, "says not what it is", id="text-for-a-mapping"),
        pytest.param({"error_code": -1003}, "knows no get_sysinfo", id="another-language"),
    ],
)
def test_what_is_no_answer_is_refused(said: Any, text: str) -> None:
    with pytest.raises(SourceError, match=text):
        plug_answer(said)


def test_a_smart_plug_that_says_nothing_of_itself_is_refused() -> None:
    with pytest.raises(SourceError, match="says not whether it is on"):
        smart_answer({"get_device_info": -1002, "get_energy_usage": None, "get_emeter_data": None})


@pytest.mark.parametrize("mac", ["50:C7:BF:00:00:01", "50-c7-bf-00-00-01", "50C7BF000001"])
def test_a_mac_is_one_however_it_is_written(mac: str) -> None:
    assert plain(mac) == "50c7bf000001"
