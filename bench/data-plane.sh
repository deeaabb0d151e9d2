#!/usr/bin/env bash
# The data plane against pgbench with the same statements on the same server in one run: point reads, reads of 100 by
# "= any", inserts of 1000 by "insert ... unnest"; and what routing adds to a read.
#
#   bench/data-plane.sh [seconds] [clients]      (default 10 s for each of three rounds after one that is not counted, 8 clients)
#
# pgbench is looked for on the PATH and where Debian's packages put it.
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/classpath.sh
pgbench=${PGBENCH:-$(command -v pgbench || ls /usr/lib/postgresql/*/bin/pgbench 2>/dev/null | tail -1)}
[ -n "$pgbench" ] || { echo "needs pgbench: install Debian's postgresql package, or set PGBENCH" >&2; exit 1; }
exec "$java" -Xmx512m --enable-native-access=ALL-UNNAMED -cp "$(classpath_of db)" \
  org.lectern.db.bench.DataPlaneBenchmark "$pgbench" "${1:-10}" "${2:-8}"
