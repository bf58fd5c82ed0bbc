"""What no id, number or text can be is answered as wrong, or as not there: never as a fault of the server."""

import pytest

from fleet.tests.server.conftest import Fleet
from picket_fleet.store import keys

HUGE = 1 << 64
LONG = "9" * 5000
COUNT = "²"  # a digit to str.isdigit, and no number to int
QUESTIONS = {
    "a device of a huge id": f"/v7/device({HUGE})",
    "a device of an id without end": f"/v7/device({LONG})",
    "a device of an id that is no number": f"/v7/device({COUNT})",
    "a filter by a huge id": f"/v7/release?$filter=id eq {HUGE}",
    "a filter by a number without end": f"/v7/release?$filter=id eq {LONG[:3990]}.5",
    "a filter by a power": f"/v7/release?$filter=id eq {COUNT}",
    "a part of so many": f"/v7/release?$top={COUNT}",
    "a part of endlessly many": f"/v7/release?$top={LONG}",
    "an order of what has none": "/v7/device?$orderby=belongs_to__application",
    "an order by all sorts": "/v7/release?$orderby=release_image,composition desc",
    "the log of a name that is no text": "/device/v2/%ff%fe/logs",
    "a device whose name is no text": "/v7/device?$filter=uuid eq '%ed%a0%80'",
    "so many lines of a log": f"/device/v2/shed/logs?count={COUNT}",
    "endlessly many lines of a log": f"/device/v2/shed/logs?count={LONG}",
}
CHANGES = {
    "a pin of a device to a huge id": ("PATCH", "device(uuid='{uuid}')", f'{{"is_pinned_on__release": {HUGE}}}'),
    "a pin of the fleet to a huge id": ("PATCH", "application(1)", f'{{"should_be_running__release": {HUGE}}}'),
    "a tag of a huge id": ("POST", "device_tag", f'{{"device": {HUGE}, "tag_key": "a", "value": "b"}}'),
    "a tag that is no text": ("POST", "release_tag", '{"release": 1, "tag_key": "\\ud800", "value": "b"}'),
    "a variable of a huge id": (
        *("POST", "device_environment_variable"),
        f'{{"device": {HUGE}, "name": "A", "value": "b"}}',
    ),
    "a variable of a huge installation": (
        *("POST", "device_service_environment_variable"),
        f'{{"service_install": {HUGE**2}, "name": "A", "value": "b"}}',
    ),
    "an image of a huge service": ("POST", "image", f'{{"is_a_build_of__service": {HUGE}}}'),
    "an image of a huge release": (
        *("POST", "image__is_part_of__release"),
        f'{{"image": 1, "is_part_of__release": {HUGE}}}',
    ),
    "an image of infinity": ("POST", "image__is_part_of__release", '{"image": 1e400, "is_part_of__release": 1}'),
    "an image of no number": ("POST", "image__is_part_of__release", '{"image": "1", "is_part_of__release": []}'),
    "the end of a huge image": ("PATCH", f"image({HUGE})", "{}"),
    "the end of a huge release": ("PATCH", f"release({HUGE})", '{"status": "success"}'),
    "a huge device goes": ("DELETE", f"device({HUGE})", "{}"),
}
ACTIONS = {
    "restart of a huge id": ("v1/restart", f'{{"deviceId": {HUGE}}}'),
    "stop of a huge image's service": (
        "v2/applications/1/stop-service",
        f'{{"deviceId": 1, "data": {{"imageId": {HUGE}}}}}',
    ),
}


@pytest.fixture(scope="module")
def anna(running: Fleet) -> str:
    """A person's token."""
    return keys.give_out(running.database, keys.PERSON, "anna")


@pytest.mark.parametrize("path", QUESTIONS.values(), ids=QUESTIONS.keys())
def test_a_question_that_makes_no_sense_is_no_fault(running: Fleet, anna: str, path: str) -> None:
    assert running.call("GET", path, anna).status_code in (200, 400, 404)


@pytest.mark.parametrize(("method", "path", "fields"), CHANGES.values(), ids=CHANGES.keys())
def test_a_change_that_makes_no_sense_is_no_fault(
    running: Fleet, anna: str, method: str, path: str, fields: str
) -> None:
    before = running.database.all("SELECT * FROM device")

    answer = running.call(method, f"/v7/{path.format(uuid='a' * 32)}", anna, data=fields)

    assert answer.status_code in (200, 400, 404)
    assert running.database.all("SELECT * FROM device") == before


@pytest.mark.parametrize(("path", "fields"), ACTIONS.values(), ids=ACTIONS.keys())
def test_an_order_to_what_there_is_not_is_no_fault(running: Fleet, anna: str, path: str, fields: str) -> None:
    assert running.call("POST", f"/supervisor/{path}", anna, data=fields).status_code == 400
