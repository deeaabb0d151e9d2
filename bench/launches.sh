#!/usr/bin/env bash
# Whole LTI launches (login, signed answer, session) per second of one core, beside ltijs on the same PostgreSQL and beside
# the bare cost: one RSA-2048 verification, and a launch's own statements by pgbench. Servers and PostgreSQL on core 0, the
# platform, which signs, on core 1; each server is held while it is not its turn. ltijs is measured as its documentation
# sets it up (the platform's keys by address, fetched at every launch) and with the key given once.
#
#   bench/launches.sh [seconds] [people at a time]      (default 10 and 16; three rounds)
# LECTERN_BENCH_ALONE=true leaves ltijs out, BENCH_JVM=-Dwarming=10 warms up for so many seconds only (default 120).
#
# Needs node with npm, pgbench and two cores. LECTERN_CLASSPATH may name the class path of app's tests.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/classpath.sh
pgbench=${PGBENCH:-$(command -v pgbench || ls /usr/lib/postgresql/*/bin/pgbench 2>/dev/null | tail -1)}
[ -n "$pgbench" ] || { echo "needs pgbench: install Debian's postgresql package, or set PGBENCH" >&2; exit 1; }
LECTERN_CLASSPATH=$(classpath_of app)
work=$(mktemp -d "${TMPDIR:-/tmp}/lectern-launches.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp bench/launches/* "$work/"
(cd "$work" && npm install --silent --no-audit --no-fund >/dev/null)
echo "machine: $(nproc) cores, $("$java" -version 2>&1 | head -1), node $(node --version); load at the start: $(cut -d' ' -f1 /proc/loadavg)"
taskset -c 1 "$java" -Xmx512m -Djava.io.tmpdir="$work" -Dpgbench="$pgbench" -Dalone="${LECTERN_BENCH_ALONE:-false}" ${BENCH_JVM:-} --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow \
  -cp "$LECTERN_CLASSPATH" org.lectern.app.lti.bench.LaunchBenchmark "${1:-10}" "${2:-16}" "$work"
