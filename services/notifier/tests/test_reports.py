"""What Sentry is told, and what leaves the device."""

from typing import Any

import msgspec
import pytest

from picket.config import Config
from picket.config.check import is_secret
from picket.config.schema import Mqtt, Notifier, Recorder
from picket.messages import Fault, Message, OutputState
from picket_notifier.answers import AwayError, RefusedError, judge
from picket_notifier.reports import for_sentry, key, report
from picket_notifier.scrub import SECRET_KEY, Scrubber
from picket_notifier.sentry import MENDABLE, Sentry, retry_seconds


def fault(**changes: Any) -> Fault:
    fields = {"service": "relay", "subject": "io main", "state": "begin", "text": "no answer", **changes}
    return Fault(time_ns=1_795_262_400_250_000_000, device="demo", **fields)


TRACEBACK = """Traceback (most recent call last):
  File "/app/src/picket_relay/guard.py", line 12, in step
    raise ValueError("pin")
ValueError: pin
"""


def test_a_fault_is_an_event_of_its_own_time() -> None:
    event = report(fault(), "picket@1.2.3", "production")

    assert len(event.pop("event_id")) == 32
    assert event == {
        "timestamp": "2026-11-21T12:00:00.250000+00:00",
        "platform": "python",
        "level": "error",
        "logger": "picket.relay",
        "server_name": "demo",
        "release": "picket@1.2.3",
        "logentry": {"formatted": "io main: no answer"},
        "tags": {"service": "relay", "device": "demo", "subject": "io main"},
        "fingerprint": ["relay", "io main"],
        "environment": "production",
        "extra": {},
    }


def test_a_crash_is_an_exception_with_its_frames() -> None:
    crash = fault(subject="crash", text="ValueError: pin", traceback=TRACEBACK)

    event = report(crash, "r", "e", left_out=3)

    assert (event["level"], event["fingerprint"]) == ("fatal", ["relay", "crash", "ValueError"])
    assert event["extra"] == {"left out before": 3}
    assert event["exception"]["values"] == [
        {
            "type": "ValueError",
            "module": None,
            "value": "pin",
            "mechanism": {"type": "picket", "handled": False},
            "stacktrace": {
                "frames": [
                    {
                        "abs_path": "/app/src/picket_relay/guard.py",
                        "filename": "picket_relay/guard.py",
                        "lineno": 12,
                        "function": "step",
                        "in_app": True,
                        "context_line": 'raise ValueError("pin")',
                    }
                ]
            },
        }
    ]


def test_a_traceback_that_can_not_be_read_is_sent_as_it_is() -> None:
    assert report(fault(traceback="Traceback: ..."), "r", "e")["extra"] == {"traceback": "Traceback: ..."}


def test_faults_are_alike_by_service_subject_and_exception() -> None:
    assert key(fault()) == ("relay", "io main")
    assert key(fault(traceback=TRACEBACK)) == ("relay", "io main", "ValueError")


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(fault(state="end"), id="a-fault-ends"),
        pytest.param(fault(service="notifier", subject="sentry"), id="sentry-is-not-told-of-sentry"),
        pytest.param(OutputState(time_ns=1, output="siren", state="ON", why=""), id="no-fault"),
    ],
)
def test_sentry_is_not_told_of(message: Message) -> None:
    assert for_sentry(message) is None


def test_the_same_fault_is_the_same_event_and_another_is_another() -> None:
    one, again, other = (report(message, "r", "e") for message in (fault(), fault(), fault(subject="io yard")))

    assert one == again
    assert one["event_id"] != other["event_id"]


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        pytest.param({}, None, id="nothing"),
        pytest.param({"Retry-After": "12"}, 12.0, id="retry-after"),
        pytest.param({"X-Sentry-Rate-Limits": "60:error;transaction:key"}, 60.0, id="errors"),
        pytest.param({"X-Sentry-Rate-Limits": "60:transaction:key, 2700::organization"}, 2700.0, id="everything"),
        pytest.param({"X-Sentry-Rate-Limits": "60:transaction:key", "Retry-After": "5"}, 5.0, id="others-do-not-count"),
        pytest.param({"X-Sentry-Rate-Limits": "nonsense"}, None, id="nonsense"),
    ],
)
def test_rate_limits_are_read(headers: dict[str, str], expected: float | None) -> None:
    assert retry_seconds(headers) == expected


@pytest.mark.parametrize(
    ("status", "raised"),
    [
        pytest.param(200, None, id="taken"),
        pytest.param(302, AwayError, id="elsewhere"),
        pytest.param(400, RefusedError, id="no-event"),
        pytest.param(403, AwayError, id="wrong-key"),
        pytest.param(413, RefusedError, id="too-large"),
        pytest.param(429, AwayError, id="too-many"),
        pytest.param(503, AwayError, id="broken"),
    ],
)
def test_what_a_status_means_to_an_event(status: int, raised: type[Exception] | None) -> None:
    if raised is None:
        judge(status, "", None, MENDABLE)
    else:
        with pytest.raises(raised):
            judge(status, "", None, MENDABLE)


@pytest.mark.parametrize(
    "dsn",
    [
        pytest.param("nonsense", id="no-url"),
        pytest.param("https://host/1", id="no-key"),
        pytest.param("https://key@host/project", id="no-project"),
    ],
)
def test_what_is_no_dsn_is_a_value_error(dsn: str) -> None:
    with pytest.raises(ValueError, match=r"(?i)dsn|scheme|key"):
        Sentry(dsn, "r", "e")


CONFIG = Config(
    device="demo",
    mqtt=Mqtt(password="hunter2hunter2"),
    recorder=Recorder(token="tok-en+/=="),
    notifier=Notifier(ping_url="https://hc.example/ping/0a1b", sentry_dsn="https://key0@sentry.example/42"),
    collectors={"plug": {"kind": "kasa", "password": "pa55 word"}},
)


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        pytest.param("login hunter2hunter2 failed", "login *** failed", id="a-password-of-the-configuration"),
        pytest.param("plug: 'pa55 word'", "plug: '***'", id="a-collectors-password"),
        pytest.param("at http://me:p@ss@influx:8086/x", "at http://***@influx:8086/x", id="credentials-in-a-url"),
        pytest.param("Authorization: Token abc.def", "Authorization: Token ***", id="a-header"),
        pytest.param("/q?p=tok-en%2B%2F%3D%3D", "/q?p=***", id="a-secret-quoted-for-a-url"),
        pytest.param("GET https://hc.example/ping/0a1b/fail", "GET ***/fail", id="the-pings-address"),
        pytest.param("at https://key0@sentry.example/42", "at ***", id="the-dsn"),
        pytest.param(
            "https://hooks.slack.com/services/T0/B0/abc: 404", "https://hooks.slack.com/*** 404", id="a-webhook"
        ),
        pytest.param("?token=abc&org=picket", "?token=***&org=picket", id="a-parameter"),
        pytest.param("io main: no answer at 0x20", "io main: no answer at 0x20", id="nothing-to-hide"),
    ],
)
def test_no_secret_leaves_the_device(text: str, clean: str) -> None:
    cleaned = Scrubber(CONFIG).fault(fault(text=text, traceback=text))

    assert (cleaned.text, cleaned.traceback) == (clean, clean)


def test_every_secret_of_the_schema_is_known_by_its_name() -> None:
    sections = [field.type for field in msgspec.structs.fields(Config)]
    structs = [one for one in sections if isinstance(one, type) and issubclass(one, msgspec.Struct)]
    secrets = [field.name for one in structs for field in msgspec.structs.fields(one) if is_secret(field.type)]

    assert secrets
    assert [name for name in secrets if not SECRET_KEY.search(name)] == []
