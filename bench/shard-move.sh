#!/usr/bin/env bash
# The write pause of moving a logical shard: its courses are written all the time through two nodes (one of which never reads
# the map by itself) while it moves to another database and back, again and again. Prints for each move the pause that the
# mover measured and the longest that a writer waited for one write, beside the longest write while nothing moved.
#
#   bench/shard-move.sh [moves] [rows]      (default 6 moves there and back, 100000 rows before the first)
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/classpath.sh
exec "$java" -Xmx512m --enable-native-access=ALL-UNNAMED -cp "$(classpath_of db)" \
  org.lectern.db.move.ShardMoveBenchmark "${1:-6}" "${2:-100000}"
