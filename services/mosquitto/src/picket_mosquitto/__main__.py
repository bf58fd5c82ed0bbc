"""Run the broker."""

import os

from picket.service import load_or_exit
from picket_mosquitto.files import write

if __name__ == "__main__":
    file = write(load_or_exit("mosquitto").config)
    os.execvp("mosquitto", ["mosquitto", "-c", str(file)])
