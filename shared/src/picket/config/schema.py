"""The configuration as typed Structs: what may stand in picket.yaml, with defaults, bounds and units.

Frozen, unknown keys refused. A `Secret` is refused in a file: it comes by variable, or from a file that
`<key>_file` names. What one section says of another (a rule's output, two inputs on one channel) is in cross_check.py.
"""

from typing import Annotated, Any, Literal

from msgspec import Meta, Struct, field

Name = Annotated[str, Meta(pattern="^[a-z][a-z0-9]*(_[a-z0-9]+)*$", max_length=40)]
Secret = Annotated[str, Meta(extra={"secret": True})]
Seconds = Annotated[float, Meta(ge=0, le=31_536_000)]
TimeOfDay = Annotated[str, Meta(pattern="^([01][0-9]|2[0-3]):[0-5][0-9]$")]
Volts = Annotated[float, Meta(ge=0, le=5.5)]
Port = Annotated[int, Meta(ge=1, le=65535)]
I2cAddress = Annotated[int, Meta(ge=0x03, le=0x77)]
# Of MQTT; the first level is no wildcard, so that none is for everything.
TopicFilter = Annotated[str, Meta(pattern="^[A-Za-z0-9_.-]+(/([A-Za-z0-9_.-]+|[+]))*(/#)?$", max_length=200)]
Ohms = Annotated[float, Meta(gt=0, le=1_000_000)]


class Section(Struct, frozen=True, forbid_unknown_fields=True):
    """A mapping of the file."""


class Hub(Section, frozen=True):
    """Where the hub is reached and where it listens, and how much its journal may keep."""

    host: str = "127.0.0.1"
    bind_address: str = "127.0.0.1"
    ingest_port: Port = 5556
    live_port: Port = 5557
    request_port: Port = 5558
    journal_max_megabytes: Annotated[float, Meta(ge=10, le=100_000)] = 200
    journal_max_days: Annotated[float, Meta(gt=0, le=3650)] = 90
    write_budget_megabytes_per_day: Annotated[float, Meta(gt=0, le=1_000_000)] = 2000


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


class BrokerClient(Section, frozen=True, kw_only=True):
    """One more who may use the release's own broker (a node, Zigbee2MQTT): for these topics, and no other."""

    topics: Annotated[list[TopicFilter], Meta(min_length=1, max_length=20)]
    password: Secret = ""
    password_file: str = ""


class Broker(Section, frozen=True):
    """The release's own broker: who may use it besides the device itself; nobody without a password."""

    username: str = "home"
    password: Secret = ""
    password_file: str = ""
    clients: dict[Name, BrokerClient] = {}


class AdcBoard(Section, frozen=True):
    """An ADC Pi: two MCP3424 with four channels each."""

    bus: str = "/dev/i2c-1"
    addresses: Annotated[list[I2cAddress], Meta(min_length=1, max_length=2)] = field(
        default_factory=lambda: [0x68, 0x69]
    )
    bits: Literal[12, 14, 16, 18] = 12
    driver: Literal["direct", "abelectronics"] = "direct"


class IoBoard(Section, frozen=True):
    """An IO Pi: two MCP23017 with sixteen pins each."""

    bus: str = "/dev/i2c-1"
    addresses: Annotated[list[I2cAddress], Meta(min_length=1, max_length=2)] = field(
        default_factory=lambda: [0x20, 0x21]
    )
    driver: Literal["direct", "abelectronics"] = "direct"


class Supply(Section, frozen=True, kw_only=True):
    """A channel that reads the supply of sensors, to take their volts as a share of it.

    `nominal_volts` is what the channel reads when the supply is as it should be (behind a divider, a part of it).
    """

    board: Name = "main"
    channel: Annotated[int, Meta(ge=1, le=8)]
    nominal_volts: Annotated[float, Meta(ge=0.5, le=5.05)] = 5.0


class Input(Section, frozen=True, kw_only=True):
    """A channel of an ADC board, and when its signal is motion; each kind has defaults of its own."""

    board: Name = "main"
    channel: Annotated[int, Meta(ge=1, le=8)]
    bits: Literal[12, 14, 16, 18] | None = None  # None: the board's
    gain: Literal[1, 2, 4, 8] = 1
    supply: Name | None = None
    minimum_active_seconds: Seconds = 0.0
    pulses: Annotated[int, Meta(ge=1, le=20)] = 1
    window_seconds: Seconds = 5.0
    hold_seconds: Seconds = 2.0
    warm_up_seconds: Seconds = 0.0
    chatter_pulses: Annotated[int, Meta(ge=0, le=1000)] = 20  # 0: never
    chatter_seconds: Seconds = 10.0
    swinger_trips: Annotated[int, Meta(ge=0, le=1000)] = 0  # 0: never
    swinger_rest_seconds: Seconds = 600.0


class AnalogPir(Input, frozen=True, kw_only=True, tag="analog_pir", tag_field="kind"):
    """An analog PIR: the signal swings around its rest, which is followed; thresholds are distances from it."""

    on_above_volts: Volts = 0.4
    off_below_volts: Volts = 0.2
    swing_volt_seconds: Annotated[float, Meta(ge=0, le=10)] = 0.09
    minimum_active_seconds: Seconds = 0.06
    baseline_seconds: Annotated[float, Meta(gt=0, le=3600)] = 10.0
    short_below_volts: Volts = 0.1
    open_above_volts: Volts = 4.95
    fault_after_seconds: Seconds = 2.0
    warm_up_seconds: Seconds = 60.0
    chatter_pulses: Annotated[int, Meta(ge=0, le=1000)] = 50


class DigitalPir(Input, frozen=True, kw_only=True, tag="digital_pir", tag_field="kind"):
    """A PIR with a digital output: high is motion."""

    on_above_volts: Volts = 2.0
    off_below_volts: Volts = 1.0
    minimum_active_seconds: Seconds = 0.2
    warm_up_seconds: Seconds = 60.0


class HcSr501(DigitalPir, frozen=True, kw_only=True, tag="hc_sr501", tag_field="kind"):
    """An HC-SR501: high for its pot's 0.5 s at least, then blind for 2.5 to 3 s; up to 3 false highs as it warms up."""

    minimum_active_seconds: Seconds = 0.3
    hold_seconds: Seconds = 4.0


class Am312(DigitalPir, frozen=True, kw_only=True, tag="am312", tag_field="kind"):
    """An AM312: high for 2.3 to 2.5 s each time, which nothing sets; far less is no detection."""

    minimum_active_seconds: Seconds = 0.5
    hold_seconds: Seconds = 4.0
    warm_up_seconds: Seconds = 20.0


class Band(Section, frozen=True):
    """The volts that mean one zone; `below_volts` itself belongs to the next band."""

    from_volts: Volts = 0.0
    below_volts: Volts = 5.5


class Wiring(Section, frozen=True, kw_only=True):
    """A loop of resistors from the terminal to ground, pulled up to the supply; its states are in config/wiring.py."""

    end_of_line_ohms: Ohms
    pull_up_ohms: Ohms = 4700.0
    supply_volts: Annotated[float, Meta(gt=0, le=5.5)] = 5.0
    tolerance_percent: Annotated[float, Meta(ge=0, le=20)] = 1.0
    cable_ohms: Annotated[float, Meta(ge=0, le=1000)] = 100.0


class Seol(Wiring, frozen=True, kw_only=True, tag="seol", tag_field="type"):
    """One resistor at the end of the line: a contact that opens or shorts the loop is an alarm, as a cut wire is."""

    short_is: Literal["alarm", "short", "tamper"] = "alarm"
    open_is: Literal["alarm", "open", "tamper"] = "alarm"


class Deol(Wiring, frozen=True, kw_only=True, tag="deol", tag_field="type"):
    """A second resistor across the alarm contact; the tamper contact opens the loop, as a cut wire does."""

    alarm_ohms: Ohms
    short_is: Literal["short", "tamper"] = "short"
    open_is: Literal["open", "tamper"] = "tamper"


class Teol(Deol, frozen=True, kw_only=True, tag="teol", tag_field="type"):
    """A third resistor across the fault contact; alarm and fault at once say that the detector is masked."""

    fault_ohms: Ohms


class Loop(Input, frozen=True, kw_only=True, tag="loop", tag_field="kind"):
    """A supervised loop (an alarm panel's PIR or contact with end-of-line resistors): its wiring, or bands of volts."""

    wiring: Seol | Deol | Teol | None = None
    zones: dict[Literal["normal", "alarm", "tamper", "short", "open"], Band] = {}
    hysteresis_volts: Annotated[float, Meta(ge=0, le=1)] = 0.05
    debounce_seconds: Seconds = 0.3
    minimum_active_seconds: Seconds = 0.2


class Traces(Section, frozen=True):
    """The samples around each candidate for motion, on disk for `picket replay`; 0 megabytes keeps none."""

    max_megabytes: Annotated[float, Meta(ge=0, le=100_000)] = 20
    before_seconds: Annotated[float, Meta(ge=0, le=20)] = 5.0
    after_seconds: Annotated[float, Meta(ge=0, le=20)] = 3.0


class Output(Section, frozen=True, kw_only=True):
    """A pin of an IO board that drives a relay."""

    board: Name = "main"
    pin: Annotated[int, Meta(ge=1, le=32)]
    active_low: bool = False
    default: Literal["ON", "OFF"] = "OFF"
    failsafe: Literal["ON", "OFF"] = "OFF"
    max_on_seconds: Annotated[float, Meta(gt=0, le=31_536_000)] | None = None
    min_off_seconds: Seconds = 0.0
    interlock: Name | None = None
    retrigger: Literal["extend", "ignore", "replace"] = "extend"


class Interlock(Section, frozen=True):
    """A group of outputs of which one at most is on; the next waits until the last has been off for the dead time."""

    dead_time_seconds: Seconds = 0.5


class Relay(Section, frozen=True):
    """The guard of the outputs: when it no longer believes in the hub, and where the updater's lock is."""

    hub_lost_seconds: Annotated[float, Meta(ge=10, le=86_400)] = 30.0
    updates_lock_file: str = "/tmp/balena/updates.lock"


class Rule(Section, frozen=True):
    """`when: input hall motion`, `then: relay light on 5 s`; the grammar is in picket.config.rules."""

    when: str
    then: str
    only_if: str = ""
    cooldown_seconds: Seconds = 0.0


class Threshold(Section, frozen=True, kw_only=True):
    """A bound of one reading: an alert begins when the value has been past it for `for_seconds`.

    It ends when the value has come back by `hysteresis`. One of `above` and `below` is given.
    """

    source: Name
    quantity: str
    above: float | None = None
    below: float | None = None
    hysteresis: Annotated[float, Meta(ge=0)] = 0.0
    for_seconds: Seconds = 0.0


class Recorder(Section, frozen=True):
    """InfluxDB; at rest without `url`."""

    url: str = ""
    org: Annotated[str, Meta(min_length=1)] = "picket"
    bucket: Annotated[str, Meta(min_length=1)] = "picket"
    token: Secret = ""
    token_file: str = ""


class QuietHours(Section, frozen=True, kw_only=True):
    """Hours of the day, in `time_zone`, in which people are told only of inputs and of what is `urgent`."""

    begin: TimeOfDay
    until: TimeOfDay
    urgent: list[Literal["fault", "threshold"]] = []


class Notifier(Section, frozen=True):
    """Slack, Sentry and the dead-man ping; each at rest without its address."""

    slack_webhook_url: Secret = ""
    slack_webhook_url_file: str = ""
    slack_fallback_webhook_url: Secret = ""
    slack_fallback_webhook_url_file: str = ""
    sentry_dsn: Secret = ""
    sentry_dsn_file: str = ""
    sentry_environment: str = "production"
    ping_url: Secret = ""
    ping_url_file: str = ""
    ping_seconds: Annotated[float, Meta(ge=5, le=86_400)] = 60.0
    cooldown_seconds: Seconds = 60.0
    longest_cooldown_seconds: Seconds = 1800.0
    alarms_per_hour: Annotated[int, Meta(ge=6, le=1000)] = 30  # what inputs say
    notices_per_hour: Annotated[int, Meta(ge=3, le=1000)] = 12  # faults and thresholds
    quiet_hours: QuietHours | None = None


class Simulator(Section, frozen=True):
    """Where the simulator listens; it runs on development machines only."""

    bind_address: str = "127.0.0.1"
    bus_port: Port = 7701
    control_port: Port = 7702
    ups_port: Port = 7703
    plug_port: Port = 7704
    web_port: Port = 7705
    bus_hertz: Annotated[int, Meta(ge=10_000, le=1_000_000)] = 400_000
    seed: int = 1


class Config(Section, frozen=True):
    """A whole device."""

    device: Name
    data_dir: str = "var"
    time_zone: str = "UTC"  # what quiet hours are told by
    log_level: Literal["debug", "info", "warning", "error"] = "info"
    log_format: Literal["text", "json"] = "text"
    rsyslog_server: str = ""  # where logs are forwarded to by TCP: host, or host:port
    hub: Hub = Hub()
    mqtt: Mqtt = Mqtt()
    broker: Broker = Broker()
    adc_boards: dict[Name, AdcBoard] = {}
    supplies: dict[Name, Supply] = {}
    io_boards: dict[Name, IoBoard] = {}
    inputs: dict[Name, AnalogPir | DigitalPir | HcSr501 | Am312 | Loop] = {}
    traces: Traces = Traces()
    outputs: dict[Name, Output] = {}
    interlocks: dict[Name, Interlock] = {}
    relay: Relay = Relay()
    rules: dict[Name, Rule] = {}
    thresholds: dict[Name, Threshold] = {}
    collectors: dict[Name, Any] = {}  # each is a Struct of the collectors service, by its `kind`
    recorder: Recorder = Recorder()
    notifier: Notifier = Notifier()
    simulator: Simulator = Simulator()
