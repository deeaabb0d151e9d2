#!/usr/bin/env bash
# Throughput of one client's upload to Lectern and to @tus/server (npm, with its file store), in turn on one machine.
#
#   bench/upload.sh [megabytes] [rounds]      (default 256 and 5; needs node and npm)
set -euo pipefail
cd "$(dirname "$0")/.."
. bench/classpath.sh
work=$(mktemp -d "${TMPDIR:-/tmp}/lectern-upload.XXXXXX")
server=
finish() { [ -z "$server" ] || kill "$server" 2>/dev/null || true; rm -rf "$work"; }
trap finish EXIT
(cd "$work" && npm install --silent --no-audit --no-fund @tus/server@2 @tus/file-store@2 >/dev/null)
mkdir "$work/files"
cat >"$work/server.mjs" <<'JS'
import { Server } from '@tus/server';
import { FileStore } from '@tus/file-store';
new Server({ path: '/files', datastore: new FileStore({ directory: './files' }) }).listen({ host: '127.0.0.1', port: 18082 });
JS
(cd "$work" && exec node server.mjs) &
server=$!
until curl -s -o /dev/null http://127.0.0.1:18082/files; do kill -0 "$server"; sleep 0.2; done
"$java" -Dmegabytes="${1:-256}" -Drounds="${2:-5}" \
  -cp "$(classpath_of video-worker)" \
  org.lectern.video.UploadBenchmark http://127.0.0.1:18082/files
