#!/usr/bin/env bash
# Time from the command to a node that is ready (readiness answers 200), with all private servers, for three ways to start:
#   run   ./mvnw spring-boot:run on a compiled tree (what a newcomer types)
#   jar   java -jar of the packaged application
#   aot   the same application, extracted, with JDK 25's AOT cache
# All in one go on one machine, in turn, so that the ratios mean something. "new" starts on an empty data folder, "again"
# on one that holds data.
#
#   bench/startup.sh [rounds]      (default 3; needs a tree packaged by ./mvnw -DskipTests package)
set -euo pipefail
cd "$(dirname "$0")/.."
rounds=${1:-3}
work=$(mktemp -d "${TMPDIR:-/tmp}/lectern-startup.XXXXXX")
jar=$(ls app/target/lectern-app-*-exec.jar)
. bench/classpath.sh
flags=(--enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow)
port=18080
pid=

finish() { [ -z "$pid" ] || kill -TERM "$pid" 2>/dev/null || true; rm -rf "$work"; }
trap finish EXIT

# measure NAME COMMAND...: prints the seconds to readiness, stops the node again, and waits until it is gone
measure() {
  local begin now
  begin=$(date +%s.%N)
  "${@:2}" >"$work/$1.log" 2>&1 &
  pid=$!
  until curl -sf -o /dev/null "http://localhost:$port/actuator/health/readiness"; do
    kill -0 "$pid" 2>/dev/null || { tail -20 "$work/$1.log" >&2; exit 1; }
    now=$(date +%s.%N)
    awk -v b="$begin" -v n="$now" 'BEGIN { exit !(n - b > 180) }' && { echo "$1: not ready in 180 s" >&2; exit 1; }
    sleep 0.05
  done
  now=$(date +%s.%N)
  kill -TERM "$pid"; wait "$pid" 2>/dev/null || true; pid=
  awk -v b="$begin" -v n="$now" 'BEGIN { printf "%.1f\n", n - b }'
}
arguments() { echo "--server.port=$port --lectern.embedded.directory=$1"; }
run() { exec ./mvnw -q -B -o spring-boot:run "-Dspring-boot.run.arguments=$(arguments "$1")"; }
plain() { exec "$java" "${flags[@]}" -jar "$jar" $(arguments "$1"); }
cached() { exec "$java" "${flags[@]}" -XX:AOTCache="$work/app.aot" -jar "$work/app/$(basename "$jar")" $(arguments "$1"); }
train() { exec "$java" "${flags[@]}" -XX:AOTCacheOutput="$work/app.aot" -jar "$work/app/$(basename "$jar")" $(arguments "$1"); }

"$java" -Djarmode=tools -jar "$jar" extract --destination "$work/app" >/dev/null
measure train train "$work/data-train" >/dev/null
for _ in $(seq 60); do [ -s "$work/app.aot" ] && break; sleep 1; done
[ -s "$work/app.aot" ] || { tail -5 "$work/train.log" >&2; exit 1; }

echo "machine: $(nproc) cores, $("$java" -version 2>&1 | head -1); load at the start: $(cut -d' ' -f1 /proc/loadavg)"
for round in $(seq "$rounds"); do
  for way in run plain cached; do
    rm -rf "$work/data-$way"
    new=$(measure "$way" "$way" "$work/data-$way")
    again=$(measure "$way" "$way" "$work/data-$way")
    echo "$round $way $new $again" | tee -a "$work/results"
  done
done
awk '
  { n[$2]++; new[$2, n[$2]] = $3; again[$2, n[$2]] = $4 }
  function median(a, w, c,   i, j, t, v) {
    for (i = 1; i <= c; i++) v[i] = a[w, i]
    for (i = 1; i <= c; i++) for (j = i + 1; j <= c; j++) if (v[j] < v[i]) { t = v[i]; v[i] = v[j]; v[j] = t }
    return c % 2 ? v[(c + 1) / 2] : (v[c / 2] + v[c / 2 + 1]) / 2
  }
  END {
    split("run plain cached", order, " ")
    split("spring-boot:run|java -jar|java -jar with AOT cache", label, "|")
    base = median(again, "plain", n["plain"])
    print "\n| way | new data folder, s | existing data, s | existing data, ratio to java -jar |\n|---|---|---|---|"
    for (i = 1; i <= 3; i++)
      printf "| %s | %.1f | %.1f | %.2f |\n", label[i], median(new, order[i], n[order[i]]), median(again, order[i], n[order[i]]), median(again, order[i], n[order[i]]) / base
  }' "$work/results"
