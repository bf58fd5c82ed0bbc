"""Pushes to a fleet with a real engine: what the one who pushes sees, and what becomes of the fleet."""

import getpass
import os
import secrets
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import docker
import pytest

from fleet.tests.pushing import BASE, PROJECT, House, opened
from picket_fleet.build import log
from picket_fleet.build.layers import Layers
from picket_fleet.build.release import sweep
from picket_fleet.home import Home
from picket_fleet.releases import manifest
from picket_fleet.remote import repository
from picket_fleet.store import devices, images, releases
from tests.servers.git import environment
from tests.servers.waiting import wait_for

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]

TOKEN = secrets.token_hex(8)
SLOW = f"FROM {BASE}\nRUN echo it begins && sleep 300 && echo {TOKEN}\n"  # nobody has it in a cache
MEDDLED = "from picket_fleet.remote import terminal; terminal.SILENT_SECONDS, terminal.PATIENCE_SECONDS = 2.0, 10.0"
NO_FOLDER = "from picket_fleet.build.engine import Engine; Engine.root = lambda _: __import__('pathlib').Path('/none')"
FOREVER = 120.0


def scratch(home: Home) -> list[Path]:
    return [*home.builds.glob("push-*"), *home.builds.glob("delta-*")]


def test_a_push_builds_a_release_and_shows_how(house: House) -> None:
    commit = house.commit({})

    said = house.push()

    assert "remote: [hub]        Step 1/" in said
    assert "remote: [relay]      Step 1/" in said
    assert "remote: [Success]    Release 1.2.3 " in said
    [release] = house.releases()
    assert (release.version, release.status, house.tip) == ("1.2.3", "success", commit)
    with opened(house.home) as database:
        signed = releases.announcement(database, release.id)
        assert signed
        assert releases.tags(database, release.id) == {"git.sha": commit, "pushed.by": getpass.getuser()}
        assert set(releases.composition(database, release.id)["services"]) == {"hub", "relay"}
        for diff_id in images.layers(database):
            Layers(house.home).unpack(diff_id, house.home.builds / "checked")
    verified = manifest.verify(signed.manifest, signed.signature, house.home.public_key(), release.commit_id)
    assert verified.services == house.images(release)
    kept, _ = log.read(house.home.build_log(release.commit_id), 0, 1 << 20)
    assert {line.service for line in kept} == {"", "hub", "relay"}
    assert kept[-1].text == "Release 1.2.3 is built"


def test_a_changed_line_is_a_new_image_of_its_service_alone_and_a_small_delta(house: House) -> None:
    house.push()
    [first] = house.releases()
    with opened(house.home) as database:
        hall = devices.register(database, uuid="h", name="hall", device_type="genericx86-64-ext", key="k", now=0)
        devices.save_running(database, hall.id, first.commit_id)
    house.commit({"hub/hub.py": PROJECT["hub/hub.py"].replace("line 77\n", "line seventy-seven\n")})

    said = house.push()

    second = house.releases()[0]
    assert second.version == "1.2.3+rev1"
    assert house.images(first)["relay"] == house.images(second)["relay"]
    assert house.images(first)["hub"] != house.images(second)["hub"]
    delta = house.home.delta(first.commit_id, second.commit_id)
    assert f"Delta from 1.2.3: {delta.stat().st_size:,} bytes" in said
    assert delta.stat().st_size < 600


def test_the_same_commit_is_the_same_images_without_the_cache_and_whatever_the_time(house: House, engine: str) -> None:
    house.push()
    house.push("main:balena-nocache")
    second, first = house.releases()

    client = docker.APIClient(base_url=engine)
    built = [image["Id"] for image in client.images(all=True)]
    client.close()

    assert house.images(first) == house.images(second)
    assert len(built) > 2  # the engine's own differ


def test_layers_come_over_the_engines_socket_where_its_folder_can_not_be_read(
    house: House, tmp_path: Path, engine: str
) -> None:
    house.push()
    other = House(tmp_path / "other", engine)
    other.git("pull", "--quiet", str(house.copy), "main")
    other.meddle(NO_FOLDER)

    other.push()

    assert other.images(other.releases()[0]) == house.images(house.releases()[0])


def test_a_broken_build_is_told_and_changes_nothing(house: House) -> None:
    good = house.commit({})
    house.push()
    house.commit({"relay/Dockerfile": f"FROM {BASE}\nRUN echo oh no >&2; exit 3\n"})

    said = house.push(check=False)

    assert "remote: [relay]      oh no" in said
    assert "returned a non-zero code: 3" in said
    assert "remote: [Error]      Not built, the fleet stays as it is" in said
    assert "[remote rejected] main -> main" in said
    assert [release.status for release in house.releases()] == ["failed", "success"]
    assert house.tip == good
    assert scratch(house.home) == []
    with opened(house.home) as database:
        assert releases.target_of(database, None) == house.releases()[1]


def test_what_balena_would_refuse_is_refused_before_anything_is_built(house: House) -> None:
    house.commit({"docker-compose.yml": PROJECT["docker-compose.yml"] + "    volumes: [/etc:/etc]\n    cpus: 1\n"})

    said = house.push(check=False)

    assert "docker-compose.yml:7: services.relay.volumes.0: a folder of the host is refused" in said
    assert "docker-compose.yml:8: services.relay.cpus: " in said
    assert "Step 1/" not in said
    assert house.releases() == []
    assert house.tip == ""


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("main:feature",), "feature: only main or master build here"),
        (("-o", "darft"), "there is no push option 'darft'"),
    ],
    ids=["branch", "option"],
)
def test_what_nobody_could_mean_is_refused(house: House, words: tuple[str, ...], reason: str) -> None:
    assert reason in house.push(*words, check=False)
    assert house.releases() == []


def test_a_tag_is_kept_and_builds_nothing(house: House) -> None:
    house.git("tag", "v1")

    assert "only main or master build a release" in house.push("v1:refs/tags/v1")
    assert house.releases() == []


def test_a_draft_is_followed_by_nobody(house: House) -> None:
    house.push("-o", "draft", "-o", "note=for the hall alone")

    [release] = house.releases()
    assert (release.status, release.revision, release.note) == ("success", None, "for the hall alone")
    with opened(house.home) as database:
        assert releases.target_of(database, None) is None


def test_an_image_is_taken_as_it_is(house: House) -> None:
    house.commit({"docker-compose.yml": f"version: '2.4'\nservices:\n  broker:\n    image: {BASE}\n"})

    said = house.push()

    assert f"{BASE} can't be pulled; the engine's own is taken" in said
    assert set(house.images(house.releases()[0])) == {"broker"}


def test_an_image_for_another_processor_is_refused(house: House) -> None:
    fleet_yaml = house.home.folder / "fleet.yaml"
    fleet_yaml.write_text(fleet_yaml.read_text().replace("genericx86-64-ext", "raspberrypi4-64"))

    said = house.push(check=False)

    assert "[remote rejected]" in said
    assert "devices have arm64" in said or "platform" in said, said


@pytest.fixture
def pushing(house: House) -> Iterator[subprocess.Popen[str]]:
    """A push whose build takes for ever, up to where it builds."""
    house.meddle(MEDDLED)
    house.commit({"docker-compose.yml": "version: '2.4'\nservices:\n  hub: {build: hub}\n", "hub/Dockerfile": SLOW})
    process = start(house)
    try:
        yield process
    finally:
        stop(process, signal.SIGKILL)


def begin(house: House) -> subprocess.Popen[str]:
    return subprocess.Popen(
        ["git", "push", "fleet", "main"],
        cwd=house.copy,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def start(house: House) -> subprocess.Popen[str]:
    process = begin(house)
    assert process.stdout
    for line in process.stdout:
        if "it begins" in line and "Step" not in line:
            return process
    raise AssertionError("the push ended")


def stop(process: subprocess.Popen[str], number: int) -> None:
    if process.poll() is None:
        os.killpg(process.pid, number)
    process.communicate(timeout=FOREVER)


def statuses(house: House) -> list[str]:
    return [release.status for release in house.releases()]


def test_output_comes_as_it_is_built(house: House, pushing: subprocess.Popen[str]) -> None:
    assert pushing.poll() is None
    assert statuses(house) == ["running"]


def containers(engine: str) -> list[str]:
    client = docker.APIClient(base_url=engine)
    try:
        return [container["Id"] for container in client.containers() if TOKEN in container["Command"]]
    finally:
        client.close()


def test_ctrl_c_cancels_the_build(house: House, pushing: subprocess.Popen[str], engine: str) -> None:
    wait_for("the engine to tell of its container", lambda: containers(engine), FOREVER)

    stop(pushing, signal.SIGINT)

    wait_for("the release to be cancelled", lambda: statuses(house) == ["cancelled"], FOREVER)
    wait_for("its scratch to go", lambda: scratch(house.home) == [], FOREVER)
    wait_for("the engine to stop", lambda: containers(engine) == [], FOREVER)


def test_a_connection_that_breaks_cancels_the_build(house: House, pushing: subprocess.Popen[str]) -> None:
    pushing.kill()  # git push alone, as when the other machine goes; git's other half goes on

    wait_for("the release to be cancelled", lambda: statuses(house) == ["cancelled"], FOREVER)
    wait_for("its scratch to go", lambda: scratch(house.home) == [], FOREVER)


def test_a_build_that_was_killed_is_swept_and_the_next_push_succeeds(
    house: House, pushing: subprocess.Popen[str]
) -> None:
    stop(pushing, signal.SIGKILL)
    wait_for("the lock to be let go", lambda: sweep(house.home) or statuses(house) == ["failed"], FOREVER)
    assert scratch(house.home) == []

    house.commit({"hub/Dockerfile": f"FROM {BASE}\n"})
    house.push()

    assert statuses(house) == ["success", "failed"]


@pytest.mark.parametrize(
    ("place", "left"),
    [
        ("build.source.Source", []),
        ("build.layers.Layers.fetch", ["failed"]),
        ("build.layers._sync", ["failed"]),
        ("build.deltas.make", ["failed"]),
        ("store.releases.publish", ["failed"]),
        ("build.collect.collect", ["success"]),
    ],
)
def test_wherever_it_is_killed_the_next_push_succeeds(house: House, place: str, left: list[str]) -> None:
    house.push()
    [first] = house.releases()
    with opened(house.home) as database:
        hall = devices.register(database, uuid="h", name="hall", device_type="genericx86-64-ext", key="k", now=0)
        devices.save_running(database, hall.id, first.commit_id)
    house.commit({"hub/hub.py": secrets.token_hex(8)})
    module, _, name = place.removesuffix(".fetch").rpartition(".")
    target = f"vars(__import__('importlib').import_module('picket_fleet.{module}'))[{name!r}]"
    death = "lambda *_: __import__('os').kill(__import__('os').getpid(), 9)"
    house.meddle(f"{target}.fetch = {death}" if place.endswith(".fetch") else f"{target} = {death}")

    said = house.push(check=False)
    repository.create(house.home)  # which mends the hook
    assert "[remote rejected]" in said
    sweep(house.home)

    assert statuses(house) == [*left, "success"]
    assert scratch(house.home) == []
    house.push()
    assert statuses(house) == ["success", *left, "success"]
    assert house.home.delta(first.commit_id, house.releases()[0].commit_id).exists()
    with opened(house.home) as database:
        for diff_id in images.layers(database):
            Layers(house.home).unpack(diff_id, house.home.builds / "checked")


def test_a_full_disk_is_told_and_changes_nothing(house: House) -> None:
    house.meddle("import os\ndef fsync(_):\n    raise OSError(28, os.strerror(28))\nos.fsync = fsync\n")

    said = house.push(check=False)

    assert "No space left on device" in said
    assert statuses(house) == ["failed"]
    assert scratch(house.home) == []
    assert list(house.home.layers.iterdir()) == []


def test_a_second_push_waits_for_the_first_and_says_so(house: House, pushing: subprocess.Popen[str]) -> None:
    house.commit({"hub/Dockerfile": f"FROM {BASE}\n"})
    second = begin(house)
    assert second.stdout
    assert any("Another release is being built; this one waits" in line for line in second.stdout)

    stop(pushing, signal.SIGINT)

    assert "[Success]" in second.communicate(timeout=FOREVER)[0]
    assert statuses(house) == ["success", "cancelled"]


def test_who_would_undo_what_was_pushed_meanwhile_is_refused(house: House, pushing: subprocess.Popen[str]) -> None:
    house.commit({"hub/Dockerfile": f"FROM {BASE}\n"})
    second = begin(house)
    assert second.stdout
    next(second.stdout)
    other = house.git("commit-tree", "-m", "another", "HEAD^{tree}").strip()
    house.git("push", "--quiet", str(house.home.repository), f"{other}:refs/tags/other")
    git_dir = f"--git-dir={house.home.repository}"
    subprocess.run(["git", git_dir, "update-ref", "refs/heads/main", other], check=True)

    stop(pushing, signal.SIGINT)

    assert "main has moved meanwhile: fetch, and push again" in second.communicate(timeout=FOREVER)[0]
    assert statuses(house) == ["cancelled"]


def test_a_push_over_ssh_is_one_by_path(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ssh = tmp_path / "ssh"  # what a server's sshd does: the command, in a shell
    ssh.write_text('#!/bin/sh\nfor command; do :; done\nexec sh -c "$command"\n')
    ssh.chmod(0o755)
    monkeypatch.setenv("GIT_SSH", str(ssh))
    monkeypatch.setenv("GIT_SSH_VARIANT", "simple")
    house.git("remote", "set-url", "fleet", f"server:{house.home.repository}")

    said = house.push()

    assert "[Success]" in said
    assert statuses(house) == ["success"]


def test_a_fleet_whose_engine_is_gone_says_so(tmp_path: Path) -> None:
    house = House(tmp_path, f"unix://{tmp_path}/nowhere.sock")
    house.commit(PROJECT)

    said = house.push(check=False)

    assert "no container engine answers at unix://" in said
    assert statuses(house) == ["failed"]


def test_a_path_out_of_the_repository_can_not_be_pushed(house: House) -> None:
    blob = house.git("hash-object", "-w", "docker-compose.yml").strip()
    tree = subprocess.run(
        ["git", "mktree"], cwd=house.copy, input=f"100644 blob {blob}\t..\n", stdout=-1, text=True, check=True
    ).stdout.strip()
    commit = house.git("commit-tree", "-m", "escape", tree).strip()

    said = house.push(f"{commit}:refs/heads/main", check=False)

    assert "hasDotdot" in said
    assert house.tip == ""
