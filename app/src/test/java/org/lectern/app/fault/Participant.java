package org.lectern.app.fault;

import java.io.IOException;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.time.Duration;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeMap;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.TimeoutException;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/**
 * Somebody in a room, as the protocol's document tells a client to behave, on the JDK's own WebSocket: any node, resume by
 * the last number, send again what was not acknowledged. Says something all the time, drops the connection now and then,
 * and notes every breach of what the protocol promises.
 */
final class Participant {

    private static final JsonMapper JSON = new JsonMapper();
    private static final Duration RESEND = Duration.ofSeconds(4);
    private static final int UNACKNOWLEDGED = 20;

    /** An entry as it came. */
    record Seen(long seq, String user, String id, String text) {}

    private record Sent(String text, long at) {}

    final UUID user = UUID.randomUUID();
    final UUID room;
    final String token;

    private final Supplier<List<URI>> nodes;
    private final HttpClient http;
    private final Duration pause;
    private final boolean restless;
    private final Random random;

    private final List<Seen> seen = new ArrayList<>();
    private final List<String> breaches = new ArrayList<>();
    private final Map<String, Sent> unacknowledged = new LinkedHashMap<>();
    private final Map<String, Long> acknowledged = new TreeMap<>();
    private final List<Long> lateMillis = new ArrayList<>();
    private int said;
    private long epoch;
    private long movedByNanos;
    private int connections;
    private long cameAt;
    private boolean calm = true;
    private long longestConnectionMillis;
    private volatile boolean talking = true;
    private volatile boolean running = true;

    /**
     * Somebody who has not come yet.
     *
     * @param pause between two messages
     * @param restless whether connections are dropped now and then
     */
    Participant(
            UUID room,
            String token,
            Supplier<List<URI>> nodes,
            HttpClient http,
            Duration pause,
            boolean restless,
            long seed) {
        this.room = room;
        this.token = token;
        this.nodes = nodes;
        this.http = http;
        this.pause = pause;
        this.restless = restless;
        this.random = new Random(seed);
    }

    /** Lives until told to stop. */
    void run() {
        synchronized (this) {
            cameAt = System.nanoTime();
        }
        try {
            while (running) {
                connection();
            }
        } catch (InterruptedException e) {
            Thread.currentThread().interrupt();
        } catch (RuntimeException e) {
            breach("died of " + e);
        }
    }

    /** Says nothing new from now on; what was said is still sent until it is acknowledged. */
    void quiet() {
        talking = false;
    }

    void stop() {
        running = false;
    }

    synchronized int acknowledgements() {
        return acknowledged.size();
    }

    synchronized boolean allAcknowledged() {
        return unacknowledged.isEmpty();
    }

    synchronized Map<String, Long> acknowledged() {
        return new TreeMap<>(acknowledged);
    }

    synchronized List<Seen> seen() {
        return List.copyOf(seen);
    }

    synchronized List<String> breaches() {
        return List.copyOf(breaches);
    }

    synchronized int connections() {
        return connections;
    }

    /** Whether all nodes are there; a connection that is not made yet counts only if they are from its wish on. */
    synchronized void calm(boolean now) {
        calm = now;
        if (!calm) {
            cameAt = 0;
        }
    }

    /**
     * The longest that it took from the wish to be in to the welcome, where no node had sent this client away and all
     * nodes were there.
     */
    synchronized long longestConnectionMillis() {
        return longestConnectionMillis;
    }

    /** For each time a node sent this client away: by how much the advertised time had passed when it was in again. */
    synchronized List<Long> lateMillis() {
        return List.copyOf(lateMillis);
    }

    private void connection() throws InterruptedException {
        List<URI> all = nodes.get();
        URI node = all.get(random.nextInt(all.size()));
        @Nullable String address = ticket(node);
        if (address == null) {
            Thread.sleep(20 + random.nextInt(100));
            return;
        }
        Ears ears = new Ears();
        WebSocket socket;
        try {
            socket = http.newWebSocketBuilder()
                    .connectTimeout(Duration.ofSeconds(5))
                    .buildAsync(URI.create(address + "&epoch=" + (epoch == 0 ? "" : epoch) + "&since=" + last()), ears)
                    .get(10, TimeUnit.SECONDS);
        } catch (ExecutionException | TimeoutException e) {
            Thread.sleep(20 + random.nextInt(100));
            return;
        }
        synchronized (this) {
            connections++;
            // Whatever waits for its acknowledgement may have been lost with the old connection.
            unacknowledged.replaceAll((id, sent) -> new Sent(sent.text(), 0));
        }
        long dropAt = System.nanoTime()
                + (restless ? Duration.ofMillis(2_000 + random.nextInt(15_000)) : Duration.ofDays(1)).toNanos();
        try {
            while (running && !ears.closed.isDone() && System.nanoTime() < dropAt) {
                speak(socket);
                Thread.sleep(pause.plusMillis(random.nextInt(20)));
                if (ears.moveAt != 0 && System.nanoTime() >= ears.moveAt) {
                    break;
                }
            }
            if (System.nanoTime() >= dropAt) {
                synchronized (this) {
                    cameAt = calm ? System.nanoTime() : 0;
                }
            }
        } catch (ExecutionException | TimeoutException e) {
            // Broken; the next connection resumes.
            Thread.sleep(random.nextInt(20));
        } finally {
            ears.deaf = true;
            socket.abort();
        }
    }

    private void speak(WebSocket socket) throws InterruptedException, ExecutionException, TimeoutException {
        long now = System.nanoTime();
        Map<String, String> due = new LinkedHashMap<>();
        synchronized (this) {
            if (talking && unacknowledged.size() < UNACKNOWLEDGED) {
                String id = "m" + said++;
                unacknowledged.put(id, new Sent("text of " + id + " by " + user, 0));
            }
            unacknowledged.replaceAll((id, sent) -> {
                if (sent.at() != 0 && now - sent.at() < RESEND.toNanos()) {
                    return sent;
                }
                due.put(id, sent.text());
                return new Sent(sent.text(), now);
            });
        }
        for (Map.Entry<String, String> each : due.entrySet()) {
            socket.sendText(
                            JSON.writeValueAsString(
                                    Map.of("type", "send", "id", each.getKey(), "text", each.getValue())),
                            true)
                    .get(10, TimeUnit.SECONDS);
        }
    }

    private @Nullable String ticket(URI node) throws InterruptedException {
        try {
            HttpResponse<String> answer = http.send(
                    HttpRequest.newBuilder(node.resolve("/api/chat/rooms/" + room + "/tickets"))
                            .timeout(Duration.ofSeconds(5))
                            .header("Authorization", "Bearer " + token)
                            .POST(HttpRequest.BodyPublishers.noBody())
                            .build(),
                    HttpResponse.BodyHandlers.ofString());
            switch (answer.statusCode()) {
                case 200 -> {
                    return JSON.readTree(answer.body()).path("url").stringValue();
                }
                case 429, 500, 502, 503, 504 -> {
                    return null;
                }
                default -> breach("a ticket was refused: " + answer.statusCode() + " " + answer.body());
            }
        } catch (IOException e) {
            // Dead or stopping; another one will do.
            return null;
        }
        return null;
    }

    private synchronized long last() {
        return seen.isEmpty() ? 0 : seen.getLast().seq();
    }

    private synchronized void breach(String what) {
        breaches.add(user + ": " + what);
    }

    private synchronized void heard(JsonNode frame, Ears ears) {
        switch (frame.path("type").stringValue()) {
            case "welcome" -> {
                long now = frame.path("epoch").longValue();
                if (epoch != 0 && epoch != now) {
                    breach("the epoch changed");
                }
                epoch = now;
                if (movedByNanos != 0) {
                    lateMillis.add((System.nanoTime() - movedByNanos) / 1_000_000);
                    movedByNanos = 0;
                } else if (cameAt != 0) {
                    longestConnectionMillis =
                            Math.max(longestConnectionMillis, (System.nanoTime() - cameAt) / 1_000_000);
                }
                cameAt = 0;
            }
            case "message" -> {
                Seen entry = new Seen(
                        frame.path("seq").longValue(),
                        frame.path("user").path("id").stringValue(),
                        frame.path("id").stringValue(),
                        frame.path("text").stringValue());
                if (entry.seq() != last() + 1) {
                    breach("after " + last() + " came " + entry.seq());
                } else {
                    seen.add(entry);
                }
            }
            case "ack" -> {
                String id = frame.path("id").stringValue();
                long seq = frame.path("seq").longValue();
                unacknowledged.remove(id);
                @Nullable Long before = acknowledged.put(id, seq);
                if (before != null && before != seq) {
                    breach(id + " was acknowledged as " + before + " and as " + seq);
                }
            }
            case "error" -> {
                if (!List.of("unavailable", "try_later", "rate_limited")
                        .contains(frame.path("code").stringValue())) {
                    breach("refused: " + frame);
                }
            }
            case "reconnect" -> {
                long at = System.nanoTime()
                        + Duration.ofMillis(frame.path("after_ms").longValue()).toNanos();
                ears.moveAt = at;
                movedByNanos = at;
            }
            default -> {
                // Presence and what later versions bring.
            }
        }
    }

    private final class Ears implements WebSocket.Listener {

        final CompletableFuture<Integer> closed = new CompletableFuture<>();
        private final StringBuilder text = new StringBuilder();
        volatile boolean deaf;
        volatile long moveAt;

        @Override
        public @Nullable CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean last) {
            text.append(part);
            if (last) {
                JsonNode frame = JSON.readTree(text.toString());
                text.setLength(0);
                synchronized (Participant.this) {
                    // A frame of a connection that was dropped is none of the next one's.
                    if (!deaf) {
                        heard(frame, this);
                    }
                }
            }
            socket.request(1);
            return null;
        }

        @Override
        public @Nullable CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
            closed.complete(code);
            return null;
        }

        @Override
        public void onError(WebSocket socket, Throwable error) {
            closed.complete(-1);
        }
    }
}
