"""A person's day in a browser: a push is watched until it is healthy, pinned back; a variable, a service, a log."""

import re
import subprocess
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from fleet.tests.page.chromium import Looking, installed_chromium, launched
from picket_fleet.store import releases
from tests.fleet.device import SECONDS
from tests.fleet.project import PROJECT
from tests.fleet.town import Town
from tests.servers.devices import Machine, Site

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1200)]

TALKS = "touch /ok\necho the web speaks of $COLOUR\ntrap 'exit 0' TERM\nwhile :; do sleep 1 & wait $!; done\n"


@pytest.fixture(scope="module")
def browser(site: Site) -> Iterator[Browser]:
    """A browser on a machine of its own: it drops its connections whenever an address comes or goes on its network."""
    with launched(str(site.machine("laptop").starter(installed_chromium()))) as browser:
        yield browser


@pytest.fixture(scope="module")
def town(site: Site, builder: Machine, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    """A fleet with the devices hall and attic, whose server runs."""
    town = Town(tmp_path_factory.mktemp("town"), site, builder.host)
    town.start()
    for machine in site.machines[1:3]:
        town.join(machine, machine.folder.name).start()
    yield town
    town.close()


@pytest.mark.parametrize("width", [1280, 390])
def test_a_day(town: Town, browser: Browser, width: int) -> None:
    token = re.search(r"[0-9a-f]{32}", town.fleet("token", "new", f"anna-{width}"))[0]  # type: ignore[index]
    context = browser.new_context(
        viewport={"width": width, "height": 900}, reduced_motion="reduce", ignore_https_errors=True
    )
    context.set_default_timeout(1000 * SECONDS)
    expect.set_options(timeout=1000 * SECONDS)
    person = Looking(context.new_page(), town.address)
    page = person.page
    person.log_in(token)
    expect(page.get_by_role("row").filter(has_text="online")).to_have_count(2)

    # A release is built, and what its build says can be watched; then devices go to it.
    with town.database() as database:
        before = len(releases.everyone(database))
    town.commit({**PROJECT, "web/run": f"# {width}, first\n{TALKS}"})
    pushed = subprocess.Popen(["git", "push", "-q", "fleet", "main"], cwd=town.copy)
    person.go("Releases")
    rows = page.get_by_role("row")
    expect(rows).to_have_count(1 + before + 1)  # below their head
    newest = rows.nth(1)
    expect(newest).to_contain_text(re.compile("building|final"))
    newest.get_by_role("link").click()
    page.get_by_role("region", name="Build log").get_by_text(re.compile(r"Step 1/\d")).first.wait_for()
    page.get_by_text(re.compile("Release .* is built")).wait_for()
    assert pushed.wait(SECONDS) == 0
    first = town.latest()
    person.keep(f"story-build-{width}")
    person.go("Devices")
    for name in ("hall", "attic"):
        row = page.get_by_role("row").filter(has_text=name)
        expect(row).to_contain_text(first.version)
        expect(row).to_contain_text("the same")
    second = town.push({"web/run": f"# {width}, second\n{TALKS}"})
    expect(page.get_by_role("row").filter(has_text="hall").get_by_text("the same")).to_be_visible()
    expect(page.get_by_role("row").filter(has_text="hall")).to_contain_text(second.version)
    person.keep(f"story-devices-{width}")
    hall = town.devices[0]
    hall.settles(second)

    # The fleet is pinned back, and devices go back.
    person.go("Releases")
    page.get_by_role("link", name=first.version, exact=True).click()
    page.get_by_role("button", name="Pin the fleet…").click()
    page.get_by_role("dialog").get_by_role("button", name="Pin the fleet").click()
    page.get_by_text(f"the fleet is to run {first.version} (pinned").wait_for()
    old = hall.settles(first)
    person.go("Devices")
    expect(page.get_by_role("row").filter(has_text="hall")).to_contain_text(first.version)
    page.get_by_role("link", name="hall", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="Running")).to_have_count(3)

    # A variable is set: the container that it reaches is another one, and says so in its log.
    page.get_by_role("button", name="Set a variable…").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("Name").fill("COLOUR")
    dialog.get_by_label("Value").fill(f"green-{width}")
    dialog.get_by_label("Service").select_option("web")
    dialog.get_by_role("button", name="Set").click()
    page.get_by_text("COLOUR: set for web on hall").wait_for()
    log = page.get_by_role("region", name="Log")
    log.get_by_text(f"the web speaks of green-{width}").first.wait_for()
    after = hall.settles(first)
    assert {name for name in after if after[name] != old[name]} == {"web"}

    # A service is stopped and started, the log of one alone is followed.
    page.get_by_label("Service whose log is shown").select_option("web")
    expect(log.get_by_text("(device)")).to_have_count(0)
    log.get_by_text(f"the web speaks of green-{width}").first.wait_for()
    page.get_by_role("button", name="stop web").click()
    expect(page.get_by_role("row").filter(has_text="Stopped")).to_have_count(1)
    page.get_by_role("button", name="start web", exact=True).click()
    expect(page.get_by_role("row").filter(has_text="Running")).to_have_count(3)
    hall.settles(first)
    person.keep(f"story-device-{width}")

    # What was begun is taken back, and the person leaves.
    page.get_by_role("button", name="remove COLOUR").click()
    page.get_by_role("dialog").get_by_role("button", name="Remove").click()
    page.get_by_text("COLOUR: removed for web on hall").wait_for()
    person.go("Releases")
    page.get_by_role("link", name=first.version, exact=True).click()
    page.get_by_role("button", name="Follow the latest").click()
    page.get_by_text(f"the fleet is to run {second.version} (the latest)").wait_for()
    for device in town.devices:
        device.settles(second)

    # The server is started anew: the page says so, and one goes on where one was.
    town.stop()
    page.get_by_text("The server does not answer").wait_for()
    town.start()
    expect(page.get_by_text("The server does not answer")).to_have_count(0)
    page.get_by_role("heading", name=first.version, level=1).wait_for()
    page.get_by_role("button", name="Note…").click()
    page.get_by_role("dialog").get_by_label("What it is about").fill("after the restart")
    page.get_by_role("dialog").get_by_role("button", name="Write").click()
    page.get_by_text(f"{first.version}: after the restart").wait_for()
    page.get_by_role("button", name="Log out").click()
    page.get_by_role("heading", name="Log in").wait_for()
    page.reload()
    page.get_by_role("heading", name="Log in").wait_for()
    context.close()
    assert person.complaints == []
