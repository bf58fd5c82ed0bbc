"""What each container of the release runs: of the one list of processes, its own."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from picket.config import Config, Loaded
from picket_base import supervisord
from picket_base.programs import BROKER, Program, StartError, python, services
from picket_base.rsyslog import forwarder
from picket_base.surroundings import uses_own_broker

# Serial ports come and go with their plugs, which takes rights that no other collector needs.
SERIAL, OTHERS = "collectors-usb", "collectors"


def programs(container: str, loaded: Loaded) -> list[Program]:
    """Return a container's programs, from the first to be started on; raises StartError for no container of ours."""
    own = [program for program in everything(loaded.config) if home(program, loaded.config) == container]
    if not own:
        raise StartError(f"there is no container {container!r}")
    if container != "mosquitto":  # it says what it has to say on its standard output alone
        own += forwarder(loaded.config, Path(loaded.config.data_dir))
    return sorted(own, key=lambda program: program.priority)


def everything(config: Config) -> list[Program]:
    """Return all programs of a release in containers."""
    return [*services(config), python("mosquitto", "picket_mosquitto", priority=BROKER)]


def home(program: Program, config: Config) -> str:
    """Name the container that a program runs in."""
    if program.name.startswith("collectors."):
        settings = config.collectors[program.name.removeprefix("collectors.")]
        return SERIAL if isinstance(settings, Mapping) and _is_serial(settings.get("port")) else OTHERS
    return "relay" if program.name == "relay-watcher" else program.name


def _is_serial(port: object) -> bool:
    """Tell a path, or auto, from the number of a TCP port, which a variable gives as text."""
    return isinstance(port, str) and bool(port) and not port.isdigit()


def reason_to_rest(container: str, loaded: Loaded) -> str:
    """Say why this configuration has nothing for a container to do; "" when it has."""
    if container == "mosquitto" and not uses_own_broker(loaded):
        return f"the broker is {loaded.config.mqtt.host}"
    if container in (SERIAL, OTHERS) and not any(home(p, loaded.config) == container for p in services(loaded.config)):
        return "no collector of the configuration is for this container"
    return ""


def command(programs: Sequence[Program], folder: Path) -> list[str]:
    """Return the command that runs the programs: the only one's own, or supervisord, configured in `folder`."""
    if len(programs) == 1:
        return list(programs[0].command)
    (folder / "log").mkdir(parents=True, exist_ok=True)
    file = folder / "supervisord.conf"
    file.write_text(supervisord.render([program._replace(own_log=False) for program in programs], folder))
    return supervisord.command(file)


def takes_signals(programs: Sequence[Program]) -> bool:
    """Tell whether what is run takes the signals that were held back for it: a single service does."""
    return len(programs) == 1 and programs[0].name != "mosquitto"
