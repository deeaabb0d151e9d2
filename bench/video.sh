#!/usr/bin/env bash
# What transcoding costs beside one bare ffmpeg run with the same arguments, and how much faster two workers with one thread each
# make a video than one. All in turn on one machine, so that the ratios mean something.
#
#   bench/video.sh [seconds of film] [rounds]      (default 48 and 3)
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/classpath.sh
exec "$java" -Dseconds="${1:-48}" -Drounds="${2:-3}" \
  -cp "$(classpath_of video-worker)" \
  org.lectern.video.media.VideoBenchmark
