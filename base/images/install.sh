# In a build stage: install Debian's packages without what they only recommend, and leave no list behind.
set -eu
touch /build/began
if [ -n "${DEBIAN_MIRROR:-}" ]; then
    # Instead of the base's own sources, and in this stage alone: they are no part of the image.
    . /etc/os-release
    rm -rf /etc/apt/sources.list.d/*
    printf 'deb %s %s main\n' "$DEBIAN_MIRROR" "$VERSION_CODENAME" "$DEBIAN_MIRROR" "$VERSION_CODENAME-updates" \
        "$DEBIAN_MIRROR-security" "$VERSION_CODENAME-security" >/etc/apt/sources.list
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@" >/dev/null
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/* /var/cache/ldconfig
