"""Which services a device's configuration calls for: one that never says a word is missed all the same."""

from picket.config import Config
from picket.config.collector import has_simulated_plugs

ALWAYS = ("hub", "automation", "recorder", "notifier")


def expected(config: Config) -> frozenset[str]:
    """Return the names that the health beats of a configuration's services have; collectors as they stand there.

    Simulated plugs are none of them: they run only beside an extra's library.
    """
    played = {name for name, source in config.collectors.items() if has_simulated_plugs(source, config)}
    names = {*ALWAYS, *(f"collectors.{name}" for name in config.collectors.keys() - played)}
    if config.inputs:
        names.add("gpio-input")
    if config.outputs:
        names.add("relay")
    return frozenset(names)
