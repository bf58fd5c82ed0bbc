"""Run the inputs."""

from picket.service import run
from picket_gpio_input.service import GpioInput

if __name__ == "__main__":
    run("gpio-input", GpioInput)
