"""Slack and Sentry, from the journal."""
