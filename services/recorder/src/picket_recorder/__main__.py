"""Run the recorder."""

from picket.service import run
from picket_recorder.service import Recorder

if __name__ == "__main__":
    run("recorder", Recorder)
