"""What a board says of itself in sysfs, found by what each part says it is: numbers move between kernels.

    class/thermal/thermal_zone<n>/      type: cpu-thermal              temp               thousandths of a degree
    class/thermal/cooling_device<n>/    type: cpufreq-cpu0             cur_state          0: the processor is not slowed
    class/hwmon/hwmon<n>/               name: cpu_thermal              temp1_input        where there is no thermal zone
    class/hwmon/hwmon<n>/               name: rpi_volt                 in0_lcrit_alarm    1: below 4.63 V just now
    devices/system/cpu/cpufreq/policy<n>/        scaling_cur_freq, scaling_max_freq, cpuinfo_max_freq       kHz
    bus/platform/drivers/raspberrypi-firmware/*/get_throttled          hexadecimal, of a Raspberry Pi's firmware:

      bit 0 under-voltage   1 frequency capped   2 throttled   3 soft temperature limit      now
          16                17                   18            19                            once; not since the start:
                                                             the kernel clears these every two seconds (see edges.py)

All of it can be read in a container, by anybody.
"""

from collections.abc import Iterator
from pathlib import Path

from picket_collectors.kernel import text

CPU_ZONES = ("cpu-thermal", "cpu_thermal", "soc-thermal", "soc_thermal", "x86_pkg_temp")
CPU_SENSORS = ("cpu_thermal", "soc_thermal", "scpi_sensors", "coretemp", "k10temp")
COOLING = ("cpufreq", "thermal-cpufreq", "thermal-cpu", "Processor")  # how their types begin
FLAGS = ("under_voltage", "frequency_capped", "throttled", "soft_temperature_limit")  # by their bits


def board(sys_root: Path) -> dict[str, float | None]:
    """Return its temperature and its frequency; what a board does not tell is None."""
    policy = next(iter(sorted((sys_root / "devices/system/cpu/cpufreq").glob("policy*"))), None)
    frequency = number(policy / "scaling_cur_freq", per_unit=1000) if policy else None
    return {"temperature_c": temperature(sys_root), "cpu_frequency_mhz": frequency}


def flags(sys_root: Path) -> dict[str, float | None]:
    """Return 1 for what ails the board now, 0 for what does not: by its firmware, else by what the kernel does."""
    flags: dict[str, float | None] = dict.fromkeys(FLAGS)
    bits = throttled_bits(sys_root)
    if bits is None:
        flags |= {"frequency_capped": capped(sys_root), "throttled": cooled(sys_root)}
    else:
        flags |= {name: float(bits >> bit & 1) for bit, name in enumerate(FLAGS)}
    alarm = low_voltage_alarm(sys_root)
    return flags if alarm is None else {**flags, "under_voltage": alarm}


def temperature(sys_root: Path) -> float | None:
    """Return the processor's degrees Celsius, else those of the first part that answers."""
    zones = ranked(sys_root / "class/thermal", "thermal_zone*", "type", CPU_ZONES)
    sensors = ranked(sys_root / "class/hwmon", "hwmon*", "name", CPU_SENSORS)
    files = [zone / "temp" for zone in zones] + [sensor / "temp1_input" for sensor in sensors]
    return next((degrees for file in files if (degrees := number(file, per_unit=1000)) is not None), None)


def low_voltage_alarm(sys_root: Path) -> float | None:
    """Return 1 while a Raspberry Pi's supply is too low, 0 while it is not; None on another board."""
    for folder, name in named(sys_root / "class/hwmon", "hwmon*", "name"):
        if name == "rpi_volt":
            return number(folder / "in0_lcrit_alarm")
    return None


def throttled_bits(sys_root: Path) -> int | None:
    """Return what a Raspberry Pi's firmware says; None on another board."""
    for file in (sys_root / "bus/platform/drivers/raspberrypi-firmware").glob("*/get_throttled"):
        try:
            return int(text(file), 16)
        except ValueError:
            continue
    return None


def capped(sys_root: Path) -> float | None:
    """Return 1 while a processor may not run as fast as it can."""
    policies = sorted((sys_root / "devices/system/cpu/cpufreq").glob("policy*"))
    pairs = [(number(one / "scaling_max_freq"), number(one / "cpuinfo_max_freq")) for one in policies]
    known = [may < can for may, can in pairs if may is not None and can is not None]
    return float(any(known)) if known else None


def cooled(sys_root: Path) -> float | None:
    """Return 1 while a processor is slowed down because it is hot."""
    devices = named(sys_root / "class/thermal", "cooling_device*", "type")
    states = [number(folder / "cur_state") for folder, kind in devices if kind.startswith(COOLING)]
    known = [state > 0 for state in states if state is not None]
    return float(any(known)) if known else None


def ranked(parent: Path, pattern: str, key: str, first: tuple[str, ...]) -> list[Path]:
    """Return the folders of a class, those first that say they are one of `first`."""
    folders = list(named(parent, pattern, key))
    folders.sort(key=lambda folder: first.index(folder[1]) if folder[1] in first else len(first))
    return [folder for folder, _ in folders]


def named(parent: Path, pattern: str, key: str) -> Iterator[tuple[Path, str]]:
    """Yield each folder of a class with what it says it is."""
    for folder in sorted(parent.glob(pattern)):
        if name := text(folder / key).strip():
            yield folder, name


def number(file: Path, per_unit: float = 1) -> float | None:
    """Read a file that holds one number; None where the board has no such file, or it does not answer."""
    try:
        return float(text(file)) / per_unit
    except ValueError:
        return None
