"""Releases by balena's rules: versions, which one is the latest, and the signed manifest."""
