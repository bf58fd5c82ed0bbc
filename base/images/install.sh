# In a build stage: install Debian's packages without what they only recommend, and leave no list behind.
set -eu
touch /build/began
if [ -n "${DEBIAN_MIRROR:-}" ]; then
    sed -i "s#https\?://deb.debian.org/debian#$DEBIAN_MIRROR#" /etc/apt/sources.list /etc/apt/sources.list.d/* 2>/dev/null || true
fi
apt-get update -qq
apt-get install -y -qq --no-install-recommends "$@" >/dev/null
rm -rf /var/lib/apt/lists/* /var/cache/apt/* /var/cache/debconf/*-old /var/lib/dpkg/*-old /var/log/* /var/cache/ldconfig
