#!/usr/bin/env bash
# Jobs per second, from the first commit to the last job done, beside BullMQ on Redis, pgbench with a job's own statements
# and RabbitMQ's PerfTest: in turn, in one run, on private servers.
#
#   bench/jobs.sh [rounds] [jobs per round]      (default 3 and 5000)
# LECTERN_BENCH_ALONE=true measures Lectern only, for whoever works on it.
#
# Needs, beside what the build needs: node and npm (BullMQ comes from the npm registry), redis-server, pgbench.
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-3} jobs=${2:-5000}
for tool in node npm redis-server pgbench; do command -v $tool >/dev/null || { echo "needs $tool" >&2; exit 1; }; done
. bench/classpath.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/lectern-bench-jobs.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp bench/jobs/{package.json,bullmq.mjs,pgbench.sql} "$work/"
(cd "$work" && npm install --no-audit --no-fund --silent)
./mvnw -B -ntp -q -f bench/jobs/pom.xml dependency:build-classpath -Dmdep.outputFile="$work/perftest.txt"
uptime
"$java" -Xmx1g -Dlectern.bench.alone="${LECTERN_BENCH_ALONE:-false}" --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow -cp "$(classpath_of infra)" \
  org.lectern.infra.jobs.JobsBenchmark "$rounds" "$jobs" "$work" "$(cat "$work/perftest.txt")"
