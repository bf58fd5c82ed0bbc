"""What a web address is, and how it may be told."""

ADDRESS = r"^https?://([A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(:[0-9]{1,5})?([/?][!-~]*)?$"  # no password in it


def shown(url: str) -> str:
    """Return an address without its query, where some services want their key."""
    return url.split("?", 1)[0]
