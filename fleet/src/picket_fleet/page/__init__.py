"""The page of `fleet serve`: what the command line shows and does, for people with a browser.

    GET  /                         the page (its sources are fleet/page; `make page` builds them into static/)
    GET  /page/static/<file>
    GET  /page/api/session         {"person", "fleet", "csrf"} of who is logged in
    POST /page/api/login           {"token"}: a person's token, once; the answer is the session's, with its cookie
    POST /page/api/logout
    GET  /page/api/events          what there is, and from then on what changes, as server-sent events (.stream)
    PUT  /page/api/events/<id>     which device or release is looked at closely: {"device"?, "service"?, "release"?}
    POST /page/api/do/<action>     what picket_fleet.people.steering (.rollout, .inviting) decides, by its name there
    GET  /page/api/log/<uuid>      all lines that are kept of a device, as text
    GET  /page/api/preview/<commit> what a release would do to the devices that do not run it (.preview)

routes    all of these, and who may ask for them
files     the page itself, and the headers that keep a browser from doing more
throttle  how often an address may try to log in
actions   what can be done
picture   all devices and releases in short, and what changed since somebody looked last
stream    one open page: its events
preview   what a release would do to the devices
"""
