"""The errors that Picket raises: by who must act, and each the right builtin as well."""


class PicketError(Exception):
    """Anything that Picket itself raises."""


class ConfigError(PicketError, ValueError):
    """The configuration is wrong: a person must mend the places it names."""


class BusError(PicketError, ConnectionError):
    """The hub did not answer, or refused: it may be tried again."""


class WireError(PicketError, ValueError):
    """Bytes that are no message of ours: the sender is at fault."""
