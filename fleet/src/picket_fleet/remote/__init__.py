"""The git remote of a fleet: a push to it builds a release, while the one who pushed looks on.

repository    the bare repository, and the hook in it
push          what a push asks for; pure
receive       the hook: whichever way a push comes in, by path, SSH or HTTP
git_http      git's smart HTTP, for people with a token
"""
