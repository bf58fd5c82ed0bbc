from configparser import RawConfigParser
from pathlib import Path

import pytest

from picket_base.programs import Program, python
from picket_base.supervisord import render


def parsed(*programs: Program, folder: str = "/data") -> RawConfigParser:
    parser = RawConfigParser()
    parser.read_string(render(programs, Path(folder)))
    return parser


def test_every_program_comes_back_when_it_dies_and_logs_to_a_bounded_file() -> None:
    relay = parsed(python("relay", "picket_relay", priority=50))["program:relay"]

    assert (relay["autorestart"], relay["priority"]) == ("true", "50")
    assert relay["stdout_logfile"] == "/data/log/relay.log"
    assert int(relay["stdout_logfile_maxbytes"]) > 0


def test_a_program_without_a_log_of_its_own_speaks_through_supervisord() -> None:
    console = parsed(Program("console", ("echo",), 1, own_log=False))["program:console"]

    assert (console["stdout_logfile"], console["stdout_logfile_maxbytes"]) == ("/dev/fd/1", "0")


def test_blanks_and_percent_signs_survive_supervisords_own_reading() -> None:
    program = parsed(Program("x", ("/opt/my programs/x", "50%"), 1))["program:x"]

    assert program["command"] == "'/opt/my programs/x' 50%%"


def test_a_program_is_stopped_by_the_signal_it_is_to_be_stopped_by() -> None:
    killed = parsed(Program("x", ("x",), 1, stop_signal="KILL"), python("hub", "picket_hub", priority=2))

    assert [killed[f"program:{name}"]["stopsignal"] for name in ("x", "hub")] == ["KILL", "TERM"]


@pytest.mark.parametrize("folder", ["/data", "/" + "long/" * 30], ids=["short", "long"])
def test_the_control_socket_fits_the_kernels_bound_and_is_the_one_that_is_asked(folder: str) -> None:
    configuration = parsed(folder=folder)

    file = configuration["unix_http_server"]["file"]
    assert len(file) < 108
    assert configuration["supervisorctl"]["serverurl"] == f"unix://{file}"


def test_collectors_are_stopped_together_and_not_one_after_the_other() -> None:
    names = ("collectors.air", "collectors.host")
    rendered = parsed(python("hub", "picket_hub", priority=40), *(python(n, "x", n, priority=70) for n in names))

    assert dict(rendered["group:collectors"]) == {"programs": "collectors.air,collectors.host", "priority": "70"}
    assert "group:collectors" not in parsed(python("hub", "picket_hub", priority=40))
