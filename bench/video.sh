#!/usr/bin/env bash
# What making a video costs beside one bare ffmpeg run with the same arguments (aim: at most 5 % more), and how much faster two
# workers with one core each make it than one (aim: 1.8 times). All in turn on one machine, so that the ratios mean something;
# processor seconds tell of added work also where the machine does other things meanwhile.
#
#   bench/video.sh [seconds of film] [rounds]      (default 120 and 3, about ten minutes on two cores)
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/classpath.sh
exec "$java" -Dseconds="${1:-120}" -Drounds="${2:-3}" \
  -cp "$(classpath_of video-worker)" \
  org.lectern.video.media.VideoBenchmark
