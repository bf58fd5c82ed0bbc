"""The page itself: its files, and the headers that keep a browser from doing more than it should."""

from pathlib import Path

from aiohttp import web

STATIC = Path(__file__).with_name("static")
FILES = {"page.js": "text/javascript", "page.css": "text/css", "icon.svg": "image/svg+xml"}
NOT_BUILT = """<!doctype html><meta charset="utf-8"><title>fleet</title>
<h1>The page is not built</h1><p>The server runs, but this copy of it was installed without its page. In the tree that
it came from, <code>make page</code> builds it (with npm); then install it again. All that the page does, the command
<code>fleet</code> does too.</p>
"""
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Frame-Options": "DENY",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
}


async def get_page(_request: web.Request) -> web.StreamResponse:
    """Answer with the page, or with how it comes to be there."""
    if not (STATIC / "index.html").is_file():
        return web.Response(text=NOT_BUILT, content_type="text/html")
    return web.FileResponse(STATIC / "index.html")


async def get_file(request: web.Request) -> web.StreamResponse:
    """Answer with a file of the page."""
    name = request.match_info["file"]
    if name not in FILES or not (STATIC / name).is_file():
        raise web.HTTPNotFound
    return web.FileResponse(STATIC / name, headers={"Content-Type": f"{FILES[name]}; charset=utf-8"})


async def restrict(request: web.Request, response: web.StreamResponse) -> None:
    """Let a browser do little with what the page's addresses answer."""
    if request.path == "/" or request.path.startswith("/page/"):
        response.headers.update(HEADERS)
        response.headers.setdefault("Cache-Control", "no-cache" if "/api/" not in request.path else "no-store")
