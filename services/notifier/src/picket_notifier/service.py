"""The notifier: Slack and Sentry, each at rest without its address, and then without its client too."""

import os
from importlib.metadata import version

from picket.service import Runtime
from picket_notifier.delivery import Delivery


class Notifier:
    """Tells people what the journal has for them."""

    def __init__(self, runtime: Runtime) -> None:
        """Wire itself onto the runtime."""
        config = runtime.config.notifier
        runtime.health.figure("slack", lambda: "awake" if config.slack_webhook_url else "at rest")
        runtime.health.figure("sentry", lambda: "awake" if config.sentry_dsn else "at rest")
        if config.slack_webhook_url:
            from picket_notifier.slack import Slack

            slack = Slack(config.slack_webhook_url, config.cooldown_seconds)
            runtime.health.figure("slack_held", lambda: slack.held)
            Delivery(runtime, slack)
        if config.sentry_dsn:
            from picket_notifier.sentry import Sentry

            try:
                sentry = Sentry(config.sentry_dsn, release())
            except ValueError:
                runtime.health.begin("sentry", "the DSN is none")  # what it says of it would tell the secret
                return
            Delivery(runtime, sentry)


def release() -> str:
    """Name the release that runs."""
    return os.environ.get("PICKET_RELEASE") or f"picket@{version('picket-notifier')}"
