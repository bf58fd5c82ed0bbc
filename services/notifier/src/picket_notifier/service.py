"""The notifier: Slack, Sentry and the ping, each at rest without its address, and then without its client too."""

import os
from functools import partial
from importlib.metadata import version

from picket.config.time_zone import zone_of
from picket.service import Runtime


class Notifier:
    """Tells people what the journal has for them."""

    def __init__(self, runtime: Runtime) -> None:
        """Wire itself onto the runtime."""
        config = runtime.config.notifier
        awake = {
            "slack": bool(config.slack_webhook_url or config.slack_fallback_webhook_url),
            "sentry": bool(config.sentry_dsn),
            "ping": bool(config.ping_url),
        }
        for name, is_awake in awake.items():
            runtime.health.figure(name, partial(str, "awake" if is_awake else "at rest"))
        if awake["slack"]:
            slack(runtime)
        if awake["sentry"]:
            sentry(runtime)
        if awake["ping"]:
            from picket_notifier.ping import Ping

            Ping(runtime)


def slack(runtime: Runtime) -> None:
    """Open the two channels to Slack: a storm of notices takes nothing from the alarms."""
    from picket_notifier.alerts import Alerts
    from picket_notifier.channel import Channel
    from picket_notifier.quiet import waits
    from picket_notifier.scrub import Scrubber
    from picket_notifier.slack import Slack
    from picket_notifier.wording import ALARM_TOPICS, NOTICE_TOPICS

    config = runtime.config.notifier
    urls = [url for url in (config.slack_webhook_url, config.slack_fallback_webhook_url) if url]
    webhooks = Slack(urls, runtime.health, Scrubber(runtime.config))
    zone = zone_of(runtime.config.time_zone)
    wait = waits(config.quiet_hours, zone)
    for name, topics, per_hour in (
        ("alarms", ALARM_TOPICS, config.alarms_per_hour),
        ("notices", NOTICE_TOPICS, config.notices_per_hour),
    ):
        alerts = Alerts(config.cooldown_seconds, config.longest_cooldown_seconds, per_hour, wait, zone)
        Channel(runtime, name, topics, alerts, webhooks, zone)


def sentry(runtime: Runtime) -> None:
    """Open the way to Sentry; a DSN that is none is a fault, and the rest goes on."""
    from picket_notifier.sentry import Sentry
    from picket_notifier.spool import Spool

    config = runtime.config.notifier
    try:
        address = Sentry(config.sentry_dsn, release(), config.sentry_environment)
    except ValueError:
        runtime.health.begin("sentry", "the DSN is none")  # what it says of it would tell the secret
    else:
        Spool(runtime, address)


def release() -> str:
    """Name the release that runs."""
    return os.environ.get("PICKET_RELEASE") or f"picket@{version('picket-notifier')}"
