"""Which Dockerfile is taken, and what templates may name."""

import pytest

from picket_fleet.build.dockerfile import fill_in, resolve, variables
from picket_fleet.build.errors import RefusedError

VALUES = variables(device_type="raspberrypi4-64", architecture="aarch64", fleet="house", release="ab12", service="hub")


@pytest.mark.parametrize(
    ("files", "taken"),
    [
        (["Dockerfile"], "Dockerfile"),
        (["Dockerfile", "Dockerfile.template"], "Dockerfile.template"),
        (["Dockerfile", "Dockerfile.template", "Dockerfile.aarch64"], "Dockerfile.aarch64"),
        (["Dockerfile.aarch64", "Dockerfile.raspberrypi4-64"], "Dockerfile.raspberrypi4-64"),
        (["Dockerfile.amd64"], ""),
    ],
    ids=["plain", "template", "architecture", "device-type", "of-others"],
)
def test_the_nearest_one_is_taken(files: list[str], taken: str) -> None:
    assert resolve("Dockerfile", files, "raspberrypi4-64", "aarch64") == taken


def test_a_template_names_what_it_is_built_for() -> None:
    text = "FROM x/%%BALENA_ARCH%%-%%RESIN_MACHINE_NAME%%\n# %%BALENA_SERVICE_NAME%% of %%BALENA_APP_NAME%%"

    assert fill_in(text, "Dockerfile.template", VALUES) == "FROM x/aarch64-raspberrypi4-64\n# hub of house"


def test_a_name_that_nobody_knows_is_refused_with_its_line() -> None:
    with pytest.raises(RefusedError, match=r"^a/Dockerfile\.template:2: there is no %%ARCH%%"):
        fill_in("FROM x\nENV A=%%ARCH%%", "a/Dockerfile.template", VALUES)
