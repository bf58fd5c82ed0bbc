"""The configuration as typed Structs: what may stand in picket.yaml, with defaults, bounds and units.

Frozen, unknown keys refused. A `Secret` is refused in a file: it comes by variable, or from a file that
`<key>_file` names. What one section says of another (a rule's output, two inputs on one channel) is in check.py.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=40)]
Secret = Annotated[str, Meta(extra={"secret": True})]
Seconds = Annotated[float, Meta(ge=0, le=31_536_000)]
Volts = Annotated[float, Meta(ge=0, le=5.5)]
Port = Annotated[int, Meta(ge=1, le=65535)]
I2cAddress = Annotated[int, Meta(ge=0x03, le=0x77)]


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping of the file."""


class Hub(Section, frozen=True):
    """Where the hub is reached and where it listens, and how much its journal may keep."""

    host: str = "127.0.0.1"
    bind_address: str = "127.0.0.1"
    ingest_port: Port = 5556
    live_port: Port = 5557
    request_port: Port = 5558
    journal_max_megabytes: Annotated[float, Meta(ge=1, le=100_000)] = 200
    journal_max_days: Annotated[float, Meta(gt=0, le=3650)] = 90


class Tls(Section, frozen=True):
    """TLS to the broker; without `ca_file` the system's authorities are trusted."""

    ca_file: str = ""
    certificate_file: str = ""
    key_file: str = ""


class Mqtt(Section, frozen=True):
    """The broker, and the root of the topics."""

    host: str = "127.0.0.1"
    port: Port = 1883
    root: Annotated[str, Meta(pattern="^[a-z0-9_-]+(/[a-z0-9_-]+)*$")] = "picket"
    username: str = ""
    password: Secret = ""
    password_file: str = ""
    tls: Tls | None = None
    keepalive_seconds: Annotated[int, Meta(ge=2, le=3600)] = 15
    command_ttl_seconds: Annotated[float, Meta(gt=0, le=3600)] = 10


class AdcBoard(Section, frozen=True):
    """An ADC Pi: two MCP3424 with four channels each."""

    bus: str = "/dev/i2c-1"
    addresses: Annotated[list[I2cAddress], Meta(min_length=1, max_length=2)] = field(
        default_factory=lambda: [0x68, 0x69]
    )
    bits: Literal[12, 14, 16, 18] = 12


class IoBoard(Section, frozen=True):
    """An IO Pi: two MCP23017 with sixteen pins each."""

    bus: str = "/dev/i2c-1"
    addresses: Annotated[list[I2cAddress], Meta(min_length=1, max_length=2)] = field(
        default_factory=lambda: [0x20, 0x21]
    )


class Input(Section, frozen=True, kw_only=True):
    """A channel of an ADC board, and when its signal is motion; each kind has defaults of its own."""

    board: Name = "main"
    channel: Annotated[int, Meta(ge=1, le=8)]
    minimum_active_seconds: Seconds = 0.0
    pulses: Annotated[int, Meta(ge=1, le=20)] = 1
    window_seconds: Seconds = 5.0
    hold_seconds: Seconds = 2.0
    warm_up_seconds: Seconds = 0.0


class AnalogPir(Input, frozen=True, kw_only=True, tag="analog_pir", tag_field="kind"):
    """An analog PIR: the signal swings around its rest, which is followed; thresholds are distances from it."""

    on_above_volts: Volts = 0.5
    off_below_volts: Volts = 0.25
    baseline_seconds: Annotated[float, Meta(gt=0, le=3600)] = 30.0
    short_below_volts: Volts = 0.1
    open_above_volts: Volts = 4.95
    fault_after_seconds: Seconds = 2.0
    pulses: Annotated[int, Meta(ge=1, le=20)] = 2
    warm_up_seconds: Seconds = 10.0


class DigitalPir(Input, frozen=True, kw_only=True, tag="digital_pir", tag_field="kind"):
    """A PIR with a digital output (HC-SR501, AM312): high is motion."""

    on_above_volts: Volts = 2.0
    off_below_volts: Volts = 1.0
    minimum_active_seconds: Seconds = 0.2
    warm_up_seconds: Seconds = 60.0


class Band(Section, frozen=True):
    """The volts that mean one zone; `below_volts` itself belongs to the next band."""

    from_volts: Volts = 0.0
    below_volts: Volts = 5.5


class Loop(Input, frozen=True, kw_only=True, tag="loop", tag_field="kind"):
    """A supervised loop (an alarm panel's PIR or contact with end-of-line resistors): bands of volts."""

    zones: dict[Literal["normal", "alarm", "tamper", "short", "open"], Band]
    debounce_seconds: Seconds = 0.3
    minimum_active_seconds: Seconds = 0.1


class Output(Section, frozen=True, kw_only=True):
    """A pin of an IO board that drives a relay."""

    board: Name = "main"
    pin: Annotated[int, Meta(ge=1, le=32)]
    active_low: bool = False
    default: Literal["ON", "OFF"] = "OFF"
    failsafe: Literal["ON", "OFF"] = "OFF"
    max_on_seconds: Annotated[float, Meta(gt=0, le=31_536_000)] | None = None
    retrigger: Literal["extend", "ignore", "replace"] = "extend"


class Rule(Section, frozen=True):
    """`when: input hall motion`, `then: relay light on 5 s`; the grammar is in picket.config.rules."""

    when: str
    then: str
    only_if: str = ""
    cooldown_seconds: Seconds = 0.0


class Recorder(Section, frozen=True):
    """InfluxDB; at rest without `url`."""

    url: str = ""
    org: str = "picket"
    bucket: str = "picket"
    token: Secret = ""
    token_file: str = ""


class Notifier(Section, frozen=True):
    """Slack and Sentry; each at rest without its address."""

    slack_webhook_url: Secret = ""
    slack_webhook_url_file: str = ""
    sentry_dsn: Secret = ""
    sentry_dsn_file: str = ""
    cooldown_seconds: Seconds = 60.0


class Simulator(Section, frozen=True):
    """Where the simulator listens; it runs on development machines only."""

    bus_port: Port = 7701
    control_port: Port = 7702
    bus_hertz: Annotated[int, Meta(ge=10_000, le=1_000_000)] = 400_000
    seed: int = 1


class Config(Section, frozen=True):
    """A whole device."""

    device: Name
    data_dir: str = "var"
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    hub: Hub = Hub()
    mqtt: Mqtt = Mqtt()
    adc_boards: dict[Name, AdcBoard] = {}
    io_boards: dict[Name, IoBoard] = {}
    inputs: dict[Name, AnalogPir | DigitalPir | Loop] = {}
    outputs: dict[Name, Output] = {}
    rules: dict[Name, Rule] = {}
    collectors: dict[Name, Any] = {}  # each is a Struct of the collectors service, by its `kind`
    recorder: Recorder = Recorder()
    notifier: Notifier = Notifier()
    simulator: Simulator = Simulator()
