# In a build stage: make /opt/venv from the lock, and lay it out in a folder, to be a layer.
set -eu
pip="/opt/venv/bin/pip --disable-pip-version-check --no-cache-dir --quiet --no-input"
from=""
ls /build/*.whl >/dev/null 2>&1 && from="--no-index --find-links /build"
lock="requirements"
[ -n "${KASA:-}" ] && lock="kasa"
python3 -m venv /opt/venv
# shellcheck disable=SC2086 # words on purpose
$pip install --no-compile --no-deps --require-hashes $from --requirement "/build/$lock.lock"
site=$(echo /opt/venv/lib/python3*/site-packages)
if [ -n "${ABELECTRONICS:-}" ]; then
    /opt/venv/bin/python3 /build/add_abelectronics.py "$ABELECTRONICS" "$site"
fi
cd "$site"
rm -rf pip pip-* setuptools setuptools-* pkg_resources _distutils_hack distutils-precedence.pth
rm -f /opt/venv/bin/pip* /opt/venv/bin/Activate.ps1 /opt/venv/bin/activate*
find . -type d -name tests -prune -exec rm -rf {} +
printf '#!/opt/venv/bin/python3\nfrom picket_base.within import main\n\nmain()\n' >/opt/venv/bin/picket
chmod 755 /opt/venv/bin/picket
printf '/opt/picket/shared\n/opt/picket/service\n' >picket.pth
# Bytecode that does not depend on times, and is never checked against its source.
find . -name __pycache__ -prune -exec rm -rf {} +
python3 -m compileall -q -f --invalidation-mode unchecked-hash -o 0 .
mkdir -p "$1.new/opt"
mv /opt/venv "$1.new/opt/venv"
rm -rf "$1"
mv "$1.new" "$1"
find "$1" -exec touch --no-dereference --date="@$SOURCE_DATE_EPOCH" {} +
