"""How the page looks, and to whom: two widths, two colour schemes, no serious accessibility fault in any view."""

from typing import Any

import pytest

from fleet.tests.page.seen_house import House
from picket_fleet.store import devices, keys, releases, variables

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_every_view_is_good_to_see_and_to_hear(house: Any, looking: Any, width: int, scheme: str) -> None:
    person = looking(width, scheme)
    page, found = person.page, {}

    def look(name: str) -> None:
        wide = page.evaluate("document.documentElement.scrollWidth")
        found[name] = person.faults() + ([f"{wide} px wide"] if wide > width else [])
        person.keep(f"{name}-{width}-{scheme}", full=name != "dialog")

    page.goto(person.base)
    page.get_by_label("Token").wait_for()
    look("login")
    person.log_in(house.token)
    page.get_by_role("link", name="cellar").wait_for()
    look("devices")
    page.get_by_role("link", name="hall", exact=True).click()
    page.get_by_text("journal 12,345 messages").first.wait_for()
    look("device")
    page.get_by_role("button", name="Pin…").click()
    page.get_by_role("dialog").wait_for()
    look("dialog")
    page.keyboard.press("Escape")
    person.go("Releases")
    look("releases")
    page.get_by_role("link", name="0.1.0+rev1").first.click()
    page.get_by_text("Step 5/5").first.wait_for()
    page.get_by_role("cell", name="940 B", exact=True).wait_for()
    look("release")
    page.goto(f"{person.base}/#/release/{house.draft.commit_id}")
    page.get_by_role("cell", name="relay holds an update lock: siren pulses").wait_for()
    look("draft")
    person.go("Variables")
    page.get_by_role("button", name="show COLOUR").click()
    page.get_by_text("red", exact=True).wait_for()
    look("variables")
    person.go("Join")
    page.get_by_role("textbox", name="Name").fill("attic2")
    page.get_by_role("button", name="Show the command").first.click()
    page.get_by_text("sudo fleet device join").wait_for()
    look("join")

    assert {name: faults for name, faults in found.items() if faults} == {}
    assert person.complaints == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "dark"), (1280, "light")])
def test_a_rollout_is_good_to_see_and_stopped_by_hand(house: Any, looking: Any, width: int, scheme: str) -> None:
    person = looking(width, scheme)
    page = person.page
    person.log_in(house.token)

    house.roll_out()
    page.get_by_role("heading", name="Rollout of").wait_for()
    page.get_by_text("2 devices that are to have it").wait_for()
    faults = person.faults()
    person.keep(f"rollout-{width}-{scheme}")
    page.get_by_role("button", name="Halt…").click()
    page.get_by_role("dialog").get_by_role("button", name="Halt").click()
    page.get_by_text("goes to nobody else").wait_for()
    page.get_by_text("halted", exact=True).wait_for()

    assert faults == person.faults() == []


@pytest.mark.parametrize(("width", "scheme"), [(390, "light"), (1280, "dark")])
def test_a_policy_is_set_and_what_is_wrong_stands_at_its_field(
    house: Any, looking: Any, width: int, scheme: str
) -> None:
    person = looking(width, scheme)
    page = person.page
    person.log_in(house.token)
    person.go("Releases")
    page.get_by_role("main").get_by_text("A new release is for everybody at once.").wait_for()

    page.get_by_role("button", name="change who gets a new release first").click()
    dialog = page.get_by_role("dialog")
    dialog.get_by_label("First").select_option("a share of the devices")
    dialog.get_by_role("textbox", name="Share").fill("20%")
    dialog.get_by_label("Soak").fill("soon")
    dialog.get_by_role("button", name="Set").click()
    dialog.get_by_role("alert").get_by_text("'soon': expected a time like 90s").wait_for()
    focused = page.evaluate("[document.activeElement.name, document.activeElement.value]")
    faults = person.faults()
    person.keep(f"policy-{width}-{scheme}", full=False)
    dialog.get_by_label("Soak").fill("90s")
    dialog.get_by_role("button", name="Set").click()
    page.get_by_role("main").get_by_text(
        "A new release is for share:20% first, then 100 %; each well for 90 s"
    ).wait_for()

    assert (focused, faults) == (["soak", "soon"], [])
    page.get_by_role("button", name="change who gets a new release first").click()
    assert dialog.get_by_role("textbox", name="Share").input_value() == "20%"
    dialog.get_by_label("First").select_option("nobody: everybody at once")
    dialog.get_by_role("button", name="Set").click()
    page.get_by_role("main").get_by_text("A new release is for everybody at once.").wait_for()


def test_what_a_release_will_do_is_looked_at_again(house: Any, looking: Any) -> None:
    person = looking()
    page = person.page
    person.log_in(house.token)
    page.goto(f"{person.base}/#/release/{house.draft.commit_id}")
    page.get_by_text("siren pulses").wait_for()

    devices.save_report(house.database, house.device("hall").id, {})
    page.get_by_role("button", name="Look again").click()

    page.get_by_text("siren pulses").wait_for(state="detached")
    assert page.evaluate("document.activeElement.textContent") == "Look again"
    page.goto(f"{person.base}/#/release/{house.first.commit_id}")
    page.get_by_text("Step 5/5").first.wait_for()
    assert page.get_by_text("What it will do").count() == 0


@pytest.mark.parametrize("width", [390, 1280])
def test_a_fleet_from_nothing_says_what_to_do(fleet: Any, looking_at: Any, width: int) -> None:
    person = looking_at(fleet.port, width)
    page, found = person.page, {}
    person.log_in(keys.give_out(fleet.database, keys.PERSON, "anna"))
    page.get_by_text("No device has joined yet").wait_for()
    for place in ("Devices", "Releases", "Variables", "Join"):
        person.go(place)
        found[place] = person.faults()
        person.keep(f"nothing-{place.lower()}-{width}")
    page.get_by_text("no device is offline").wait_for(state="attached")
    fleet.join("hall")
    person.go("Devices")
    page.get_by_text("1 device; the fleet has nothing to run").wait_for()
    person.go("Releases")
    page.get_by_text("Nothing was pushed yet").wait_for()

    assert {place: faults for place, faults in found.items() if faults} == {}


def test_a_long_note_leaves_figures_on_one_line(house: House, looking: Any) -> None:
    releases.annotate(house.database, house.second.id, "the new sensor sees less far than the one before; " * 8)
    person = looking()
    person.log_in(house.token)
    person.go("Releases")

    row = person.page.get_by_role("row").filter(has_text="less far")
    for text in ("41.0 MB", "1 device", "anna"):
        lines = row.get_by_role("cell", name=text, exact=True).evaluate(
            "cell => { const all = document.createRange(); all.selectNodeContents(cell); "
            "return new Set([...all.getClientRects()].map(one => one.top)).size; }"
        )
        assert (text, lines) == (text, 1)


def test_nothing_is_wider_than_any_screen_however_long_its_name(house: Any, looking: Any) -> None:
    hall = house.device("hall")
    devices.rename(house.database, hall.id, "x" * 60)
    devices.tag(house.database, hall.id, "picket_health", "y" * 120)
    releases.annotate(house.database, house.second.id, "z" * 300)
    variables.put(house.database, variables.Variable(hall.id, "", "V" * 80, "v" * 500))
    person = looking()
    person.log_in(house.token)
    places = [
        "#/",
        f"#/device/{hall.uuid}",
        "#/releases",
        f"#/release/{house.second.commit_id}",
        "#/variables",
        "#/join",
    ]

    found = {}
    for place in places:
        person.page.goto(f"{person.base}/{place}")
        person.page.locator("main h1").wait_for()
        for width in (320, 390, 600, 768, 900, 1024, 1280):
            person.page.set_viewport_size({"width": width, "height": 800})
            wide = person.page.evaluate("document.documentElement.scrollWidth")
            if wide > width:
                found[place[:9], width] = wide

    assert found == {}
