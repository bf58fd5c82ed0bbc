"""The recorder: at rest without InfluxDB's address, and then without its client too."""

from picket.service import Runtime


class Recorder:
    """Records the journal in InfluxDB."""

    def __init__(self, runtime: Runtime) -> None:
        """Wire itself onto the runtime."""
        resting = not runtime.config.recorder.url
        runtime.health.figure("influxdb", lambda: "at rest" if resting else "recording")
        if not resting:
            from picket_recorder.recording import Recording

            Recording(runtime)
