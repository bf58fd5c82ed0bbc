"""Which processor a device type has, by balena's names and by the engine's."""

from picket_fleet.errors import FleetError

PLATFORMS = {
    "aarch64": "linux/arm64",
    "amd64": "linux/amd64",
    "armv7hf": "linux/arm/v7",
    "rpi": "linux/arm/v6",
    "i386": "linux/386",
}
DEVICE_TYPES = {
    "aarch64": (
        "generic-aarch64",
        "jetson-nano",
        "jetson-orin-nano-devkit-nvme",
        "qemu-aarch64",
        "raspberrypi0-2w-64",
        "raspberrypi3-64",
        "raspberrypi4-64",
        "raspberrypi400-64",
        "raspberrypi5",
        "raspberrypi500",
        "raspberrypicm4-ioboard",
        "raspberrypicm5-ioboard",
        "revpi-connect-4",
        "rockpi-4b-rk3399",
    ),
    "amd64": ("generic-amd64", "genericx86-64-ext", "intel-nuc", "qemux86-64", "surface-pro-6"),
    "armv7hf": ("beaglebone-black", "fincm3", "generic-armv7ahf", "raspberrypi2", "raspberrypi3", "revpi-core-3"),
    "rpi": ("raspberry-pi",),
    "i386": ("intel-edison", "qemux86"),
}


def architecture(device_type: str) -> str:
    """Return balena's name of a device type's processor; raises FleetError for a type that is not known."""
    for name, device_types in DEVICE_TYPES.items():
        if device_type in device_types:
            return name
    raise FleetError(f"device type {device_type!r} is not known; those are: {', '.join(sorted(_all()))}")


def _all() -> list[str]:
    return [device_type for device_types in DEVICE_TYPES.values() for device_type in device_types]
