"""`picket journal` against a hub."""

import argparse
import csv
import io
import json
import subprocess
import sys
import time
from collections.abc import Iterator

import pytest

from picket.messages import Fault, Message, Reading
from picket_hub.command import moment_ns
from tests.servers.release import Release

PICKET = [sys.executable, "-c", "from picket.cli import main; main()", "journal"]
HOUR_NS = 3600 * 10**9
READINGS = 1200


@pytest.fixture(scope="module")
def release(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    with Release(tmp_path_factory.mktemp("journal")) as release:
        release.start_hub()
        now = time.time_ns()
        messages: list[tuple[str, Message]] = [
            (
                "reading.air",
                Reading(time_ns=now - 5 * HOUR_NS, source="air", kind="air", values={"n": float(n), "m": 0.0}),
            )
            for n in range(READINGS)
        ]
        fault = Fault(time_ns=now - HOUR_NS, service="relay", subject="chip", state="begin", text='says "no", twice')
        release.publish(*messages, ("fault.relay", fault))
        yield release


def picket(release: Release, *words: str) -> str:
    done = subprocess.run([*PICKET, *words], env=release.environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


pytestmark = pytest.mark.slow


@pytest.mark.parametrize(
    ("words", "count"),
    [
        pytest.param(["reading."], READINGS, id="a topic, page after page"),
        pytest.param(["fault.relay", "--last", "5"], 1, id="fewer than asked for"),
        pytest.param(["--last", "5"], 5, id="the last"),
        pytest.param(["--since", "2h"], 1, id="since"),
        pytest.param(["--until", "2h", "reading."], READINGS, id="until"),
        pytest.param(["--since", "6h", "--until", "2h"], READINGS, id="between"),
        pytest.param(["--since", "2035-01-01T00:00Z"], 0, id="nothing"),
        pytest.param(["--after", "1200", "--json"], 1, id="after"),
    ],
)
def test_what_is_asked_for_is_printed(release: Release, words: list[str], count: int) -> None:
    assert len([row for row in picket(release, *words).splitlines() if "hub" not in row]) == count


def test_csv_is_a_table_that_a_spreadsheet_opens(release: Release) -> None:
    text = subprocess.run(
        [*PICKET, "--format", "csv", "reading.air", "fault.relay"],
        env=release.environment,
        capture_output=True,
        check=True,
    ).stdout.decode()
    table = list(csv.DictReader(io.StringIO(text, newline="")))

    assert text.count("\r\n") == text.count("\n") == 2 * READINGS + 2
    assert {row["quantity"]: row["value"] for row in table[:2]} == {"n": "0.0", "m": "0.0"}
    assert table[-1]["text"] == 'says "no", twice'


def test_json_is_the_messages_as_they_are(release: Release) -> None:
    found = [json.loads(row) for row in picket(release, "reading.", "--format", "json").splitlines()]

    assert [message["values"]["n"] for message in found] == list(range(READINGS))


def test_a_closed_pipe_is_no_error(release: Release) -> None:
    done = subprocess.run(
        ["bash", "-o", "pipefail", "-c", '"$@" | head -1', "bash", *PICKET, "--format", "csv"],
        env=release.environment,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr, len(done.stdout.splitlines())) == (0, "", 1)


def test_following_goes_on_with_what_comes(release: Release) -> None:
    with subprocess.Popen(
        [*PICKET, "fault.relay", "--last", "1", "--follow"], env=release.environment, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout
        first = process.stdout.readline()
        fault = Fault(time_ns=time.time_ns(), service="relay", subject="chip", state="end", text="works again")
        release.publish(("fault.relay", fault))
        second = process.stdout.readline()
        process.terminate()

    assert "begin chip" in first and "works again" in second


def test_a_hub_that_is_away_is_one_clear_error(tmp_path_factory: pytest.TempPathFactory) -> None:
    with Release(tmp_path_factory.mktemp("away")) as release:
        done = subprocess.run(PICKET, env=release.environment, capture_output=True, text=True, check=False)

    assert done.returncode == 1
    assert done.stderr.startswith("picket journal: the hub does not answer at tcp://127.0.0.1:")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 910.0), ("1m", 940.0), ("1970-01-01T00:10Z", 600.0), ("1970-01-01T01:10+01:00", 600.0), ("9d", 0.0)],
)
def test_a_moment_is_a_time_or_so_long_ago(text: str, seconds: float) -> None:
    assert moment_ns(text, lambda: 1000.0) == seconds * 1e9


def test_what_is_no_moment_is_refused() -> None:
    with pytest.raises(argparse.ArgumentTypeError, match="expected 2h, 7d or"):
        moment_ns("yesterday")
