#!/usr/bin/env bash
# Install the real servers that the tests talk to, where this user may; say loudly what will be left out where not.
set -uo pipefail

install_packages() {
    local missing=()
    command -v mosquitto >/dev/null || [ -x /usr/sbin/mosquitto ] || missing+=(mosquitto)
    command -v mosquitto_sub >/dev/null || missing+=(mosquitto-clients)
    command -v influxd >/dev/null || missing+=(influxdb)
    command -v rsyslogd >/dev/null || [ -x /usr/sbin/rsyslogd ] || missing+=(rsyslog)
    command -v busybox >/dev/null || missing+=(busybox-static)
    command -v dockerd >/dev/null || [ -x /usr/sbin/dockerd ] || missing+=(docker.io)
    command -v ip >/dev/null || [ -x /usr/sbin/ip ] || missing+=(iproute2)
    command -v iptables >/dev/null || [ -x /usr/sbin/iptables ] || missing+=(iptables)
    [ -x /lib/nut/upsd ] && command -v upsrw >/dev/null || missing+=(nut-server nut-client)
    command -v chromium >/dev/null || missing+=(chromium)
    [ ${#missing[@]} -eq 0 ] && return
    if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
        # The packages would start their servers; the tests start their own.
        local policy=/usr/sbin/policy-rc.d
        [ -e "$policy" ] || { printf '#!/bin/sh\nexit 101\n' >"$policy" && chmod +x "$policy" && trap "rm -f $policy" EXIT; }
        { apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}"; } \
            >/dev/null 2>&1 && return
    fi
    not_installed "${missing[*]}"
}

# Debian 12 has a VictoriaMetrics (1.79) that takes bad lines with a 204. Of Debian 13's package (1.112) the program alone
# is put into a cache, from the mirror that this machine's apt uses, with apt's checks and a state of apt's own: nothing
# else of the machine changes, and it needs no root.
unpack_victoriametrics() {
    local cache="${XDG_CACHE_HOME:-$HOME/.cache}/picket/victoria-metrics" scratch mirror apt
    [ -x "$cache/usr/bin/victoria-metrics" ] && return
    if command -v apt-get >/dev/null; then
        dpkg --compare-versions "$(dpkg-query -W -f '${Version}' victoria-metrics 2>/dev/null)" ge 1.112 && return
        scratch=$(mktemp -d)
        mkdir -p "$scratch"/{lists,cache/archives}/partial
        apt=(apt-get -qq -o "Dir::Etc::SourceList=$scratch/sources" -o Dir::Etc::SourceParts=- -o "Dir::State::Lists=$scratch/lists"
            -o "Dir::Cache=$scratch/cache" -o "APT::Sandbox::User=$(id -un)" -o Acquire::Languages=none)
        for mirror in $(apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' 'Component: main' |
            awk '$2 !~ /-/ {print $1}' | sort -u); do
            echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] $mirror trixie main" >"$scratch/sources"
            (cd "$scratch" && "${apt[@]}" update && "${apt[@]}" download victoria-metrics && dpkg -x victoria-metrics_*.deb program) \
                >/dev/null 2>&1 && "$scratch/program/usr/bin/victoria-metrics" --version >/dev/null 2>&1 &&
                mkdir -p "$cache/usr/bin" && mv "$scratch/program/usr/bin/victoria-metrics" "$cache/usr/bin/" && break
        done
        rm -rf "$scratch"
    fi
    [ -x "$cache/usr/bin/victoria-metrics" ] || not_installed "victoria-metrics >= 1.112"
}

not_installed() {
    echo "*** NOT INSTALLED: $1. Tests that need them will FAIL or be SKIPPED; install them, or run as root. ***" >&2
}

install_packages
unpack_victoriametrics
exit 0
