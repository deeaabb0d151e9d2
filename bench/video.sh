#!/usr/bin/env bash
# What transcoding costs beside one bare ffmpeg run with the same arguments, and how much faster two workers with one thread each
# make a video than one. All in turn on one machine, so that the ratios mean something.
#
#   bench/video.sh [seconds of film] [rounds]      (default 48 and 3)
set -euo pipefail
cd "$(dirname "$0")/.."
./mvnw -B -ntp -q -DskipTests test-compile -pl video-worker -am
./mvnw -B -ntp -q dependency:build-classpath -Dmdep.outputFile=target/bench.cp -Dmdep.includeScope=test -pl video-worker -am
java=${LECTERN_JAVA:-$(for j in "${JAVA_HOME:-}"/bin/java /usr/lib/jvm/*25*/bin/java "$(command -v java)"; do
  [ -x "$j" ] && "$j" -version 2>&1 | grep -q 'version "25' && { echo "$j"; break; }; done)}
[ -n "$java" ] || { echo "needs a JDK 25: set LECTERN_JAVA to its java" >&2; exit 1; }
exec "$java" -Dseconds="${1:-48}" -Drounds="${2:-3}" \
  -cp "video-worker/target/test-classes:video-worker/target/classes:infra/target/classes:db/target/classes:$(cat video-worker/target/bench.cp)" \
  org.lectern.video.media.VideoBenchmark
