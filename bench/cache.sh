#!/usr/bin/env bash
# The cache beside what it is made of, in one run on a Redis of its own: a hit in memory beside a bare Caffeine, a hit in
# Redis beside a bare get of Redisson, a stampede of 10,000 readers, and hit rates on Zipf(1.0) beside the best possible.
#
#   bench/cache.sh
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/classpath.sh
exec "$java" -Xmx768m --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow \
  -cp "$(classpath_of infra)" org.lectern.infra.cache.CacheBenchmark
