# In a build stage: copy what has changed since install.sh began into a folder, to be a layer.
set -eu
mkdir "$1"
find / -xdev \( -path /build -o -path "$1" -o -path /proc -o -path /sys -o -path /dev -o -path /tmp -o -path /run -o -path /root \
    -o -path /etc/apt -o -path /etc/hosts -o -path /etc/hostname -o -path /etc/resolv.conf -o -path /etc/mtab \
    -o -path /var/lib/apt -o -path /var/lib/dpkg -o -path /var/cache -o -path /var/log \) -prune \
    -o ! -path / -cnewer /build/began -print0 |
    LC_ALL=C sort -z | tar --null --no-recursion --files-from=- -cf - | tar -C "$1" -xpf -
# A package's files keep the package's times; what the build wrote gets the constant one.
find "$1" -newer /build/began -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
