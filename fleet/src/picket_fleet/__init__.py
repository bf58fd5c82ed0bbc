"""The fleet remote: what deploys a release to devices; no part of the release itself."""
