#!/usr/bin/env bash
# Chat's delivery beside its peers, in one go on one machine: the server on core 0, the load (with PostgreSQL and Redis) on core 1.
#   netty           a bare Netty loop that sends every text to everybody and gathers alike: what the machine can do
#   socketio        Socket.IO 4 (websocket transport only), and with its Redis adapter: socketio-redis
#   lectern-single  a chat node with one message in each commit, for what batching is worth; committed messages only
#   lectern         a chat node: tickets, commit before delivery, one order, resume, limits
#   lectern-two     two of them, both on core 0, with half of the sockets each: what a second node costs
# For each: connections per second, deliveries per second into one room at the highest rate of messages with p99 under
# 100 ms and no loss, deliveries for each second of CPU that the server took meanwhile (the figure to compare where other
# work has the machine), resident memory for each idle socket; for lectern also acknowledged messages, one at a time and
# a thousand under way.
#
#   bench/chat.sh                                          everything, about 8 minutes on an idle machine
#   bench/chat.sh short                                    500 and 1000 sockets, 2000 idle, about 3 minutes
#   bench/chat.sh SOCKETS|"" IDLE "SERVERS"                such as 1000,5000 10000 "netty lectern"
#
# Needs node with npm, two cores, and 20,000 open files. Socket.IO is installed by npm into a temporary folder.
# LECTERN_CLASSPATH may name the class path of chat-room's tests. BENCH_JVM sets the driver's properties: -Dp99.millis=1000
# for a busy machine, -Dstep.millis, -Dserver.jvm="options of the server", -Dhistogram=FILE, -Dloud=true.
set -euo pipefail
cd "$(dirname "$0")/.."
sockets=${1-1000,5000}; idle=${2:-10000}; servers=${3:-netty socketio socketio-redis lectern-single lectern lectern-two}
[ "$sockets" != short ] || { sockets=500,1000; idle=2000; BENCH_JVM="-Dstep.millis=1500 ${BENCH_JVM:-}"; }
work=$(mktemp -d "${TMPDIR:-/tmp}/lectern-chat.XXXXXX")
trap 'rm -rf "$work"' EXIT
ulimit -n 65536 2>/dev/null || ulimit -n "$(ulimit -Hn)"
. bench/classpath.sh
LECTERN_CLASSPATH=$(classpath_of chat-room)
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
    -cp "$LECTERN_CLASSPATH" org.lectern.chat.bench.ChatBenchmark "$server" "$sockets" "$idle" 2>"$work/err" | grep --line-buffered -E '^(#|RESULT)' | tee -a "$work/out" || { tail -20 "$work/err" >&2; exit 1; }
done
awk -F'\t' '$1 == "RESULT" { key = $3 ", " $4 " sockets"; if (!(key in seen)) { seen[key] = 1; order[++n] = key } value[key, $2] = $5; if (!($2 in s)) { s[$2] = 1; servers[++m] = $2 } }
  END {
    printf "\n| measured |"; for (j = 1; j <= m; j++) printf " %s |", servers[j]; print ""
    printf "|---|"; for (j = 1; j <= m; j++) printf "---|"; print ""
    for (i = 1; i <= n; i++) { printf "| %s |", order[i]
      for (j = 1; j <= m; j++) printf " %s |", ((order[i], servers[j]) in value) ? value[order[i], servers[j]] : ""; print "" }
    for (i = 1; i <= n; i++) if (order[i] ~ /^deliveries/) for (j = 1; j <= m; j++) if (servers[j] != "lectern" && value[order[i], servers[j]] > 0 && value[order[i], "lectern"] > 0)
      printf "lectern, %s: %.2f times %s\n", order[i], value[order[i], "lectern"] / value[order[i], servers[j]], servers[j] }' "$work/out"
