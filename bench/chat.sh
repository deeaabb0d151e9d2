#!/usr/bin/env bash
# Chat's delivery beside its peers, in one go on one machine: the server on core 0, the load (with PostgreSQL and Redis) on core 1.
#   lectern         a chat node: tickets, commit before delivery, one order, resume, limits
#   lectern-single  the same with one message in each commit, for what batching is worth; committed messages only
#   netty           a bare Netty loop that sends every text to everybody and gathers alike: what the machine can do
#   socketio        Socket.IO 4 (websocket transport only), and with its Redis adapter: socketio-redis
# For each: connections per second, and deliveries per second into one room at the highest rate of messages with p99 under
# 100 ms and no loss; for lectern also committed messages per second with their p99, and resident memory for each idle socket.
#
#   bench/chat.sh [sockets, may be empty] [idle sockets] [servers]     default: 1000,5000 10000 "netty socketio socketio-redis lectern-single lectern"
#
# Needs a tree compiled by ./mvnw -DskipTests package, node with npm, two cores, and 30,000 open files. Socket.IO is installed
# by npm into a temporary folder. LECTERN_CLASSPATH may name the class path of chat-room's tests instead.
set -euo pipefail
cd "$(dirname "$0")/.."
sockets=${1-1000,5000}; idle=${2:-10000}; servers=${3:-netty socketio socketio-redis lectern-single lectern}
work=$(mktemp -d "${TMPDIR:-/tmp}/lectern-chat.XXXXXX")
trap 'rm -rf "$work"' EXIT
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"
java=${LECTERN_JAVA:-$(for j in "${JAVA_HOME:-}"/bin/java /usr/lib/jvm/*25*/bin/java "$(command -v java)"; do
  [ -x "$j" ] && "$j" -version 2>&1 | grep -q 'version "25' && { echo "$j"; break; }; done)}
[ -n "$java" ] || { echo "needs a JDK 25: set LECTERN_JAVA to its java" >&2; exit 1; }
if [ -z "${LECTERN_CLASSPATH:-}" ]; then
  ./mvnw -q -B -o -pl chat-room -am test-compile dependency:build-classpath -Dmdep.outputFile="$work/cp" -Dmdep.includeScope=test >/dev/null
  LECTERN_CLASSPATH="chat-room/target/test-classes:chat-room/target/classes:infra/target/classes:db/target/classes:$(cat "$work/cp")"
fi
case $servers in *socketio*)
  (cd "$work" && npm init -y >/dev/null && npm install --silent --no-audit --no-fund socket.io@4 @socket.io/redis-adapter@8 redis@4 >/dev/null)
  cat >"$work/server.js" <<'JS'
const { createServer } = require('http');
const { Server } = require('socket.io');
const [port, redis] = process.argv.slice(2);
const http = createServer();
const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false, serveClient: false });
io.on('connection', socket => { socket.join('room'); socket.on('m', text => io.to('room').emit('m', text)); });
process.on('SIGUSR2', () => { if (global.gc) global.gc(); });
(async () => {
  if (redis) {
    const { createAdapter } = require('@socket.io/redis-adapter');
    const { createClient } = require('redis');
    const pub = createClient({ url: redis }), sub = pub.duplicate();
    await Promise.all([pub.connect(), sub.connect()]);
    io.adapter(createAdapter(pub, sub));
  }
  http.listen(Number(port), '127.0.0.1', () => console.log('ready'));
})();
JS
esac
echo "machine: $(nproc) cores, $("$java" -version 2>&1 | head -1), node $(node --version 2>/dev/null || echo none); load at the start: $(cut -d' ' -f1 /proc/loadavg)"
for server in $servers; do
  taskset -c 1 "$java" -Xmx1g --enable-native-access=ALL-UNNAMED --sun-misc-unsafe-memory-access=allow -Dsocketio="$work/server.js" -Djava.io.tmpdir="$work" ${BENCH_JVM:-} \
    -cp "$LECTERN_CLASSPATH" org.lectern.chat.bench.ChatBenchmark "$server" "$sockets" "$idle" 2>"$work/err" | grep -E '^(#|RESULT)' | tee -a "$work/out" || { tail -20 "$work/err" >&2; exit 1; }
done
awk '$1 == "RESULT" { key = $3 " " $4; if (!(key in seen)) { seen[key] = 1; order[++n] = key } value[key, $2] = $5; if (!($2 in s)) { s[$2] = 1; servers[++m] = $2 } }
  END {
    printf "\n| measured |"; for (j = 1; j <= m; j++) printf " %s |", servers[j]; print ""
    printf "|---|"; for (j = 1; j <= m; j++) printf "---|"; print ""
    for (i = 1; i <= n; i++) { split(order[i], k, " "); printf "| %s, %s sockets |", k[1], k[2]
      for (j = 1; j <= m; j++) printf " %s |", ((order[i], servers[j]) in value) ? value[order[i], servers[j]] : ""; print "" } }' "$work/out"
