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
java=${LECTERN_JAVA:-$(for j in "${JAVA_HOME:-}"/bin/java /usr/lib/jvm/*25*/bin/java "$(command -v java)"; do
  [ -x "$j" ] && "$j" -version 2>&1 | grep -q 'version "25' && { echo "$j"; break; }; done)}
[ -n "$java" ] || { echo "needs a JDK 25: set LECTERN_JAVA to its java" >&2; exit 1; }
work=$(mktemp -d "${TMPDIR:-/tmp}/lectern-bench-jobs.XXXXXX")
trap 'rm -rf "$work"' EXIT
cp bench/jobs/{package.json,bullmq.mjs,pgbench.sql} "$work/"
(cd "$work" && npm install --no-audit --no-fund --silent)
./mvnw -B -ntp -q -f bench/jobs/pom.xml dependency:build-classpath -Dmdep.outputFile="$work/perftest.txt"
# The class path of the engine and its tests; LECTERN_BENCH_CLASSPATH names one that is compiled already.
classpath=${LECTERN_BENCH_CLASSPATH:-}
if [ -z "$classpath" ]; then
  ./mvnw -B -ntp -q -pl infra -am test-compile dependency:build-classpath -DincludeScope=test -Dmdep.outputFile="$work/classpath.txt"
  classpath=infra/target/test-classes:infra/target/classes:db/target/classes:$(cat "$work/classpath.txt")
fi
uptime
"$java" -Xmx1g -Dlectern.bench.alone="${LECTERN_BENCH_ALONE:-false}" --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow -cp "$classpath" \
  org.lectern.infra.jobs.JobsBenchmark "$rounds" "$jobs" "$work" "$(cat "$work/perftest.txt")"
