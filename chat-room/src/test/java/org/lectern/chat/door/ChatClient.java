package org.lectern.chat.door;

import static org.awaitility.Awaitility.await;

import java.net.URI;
import java.nio.ByteBuffer;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CopyOnWriteArrayList;
import java.util.function.Predicate;
import org.java_websocket.client.WebSocketClient;
import org.java_websocket.framing.CloseFrame;
import org.java_websocket.handshake.ServerHandshake;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** A client that shares no code with the server: the Java-WebSocket library. Keeps every frame that came. */
final class ChatClient extends WebSocketClient {

    private static final JsonMapper JSON = new JsonMapper();
    private static final Duration PATIENCE = Duration.ofSeconds(20);

    final List<JsonNode> frames = new CopyOnWriteArrayList<>();
    volatile int closeCode = -1;

    /** What went wrong last; null when nothing did. */
    private volatile @Nullable Exception fault;

    private ChatClient(URI address) {
        super(address);
        // The server asks whether the client lives; the client's own clock stays out of it.
        setConnectionLostTimeout(0);
    }

    static ChatClient open(URI address) throws InterruptedException {
        ChatClient client = new ChatClient(address);
        client.connectBlocking();
        return client;
    }

    static ChatClient open(URI address, String origin) throws InterruptedException {
        ChatClient client = new ChatClient(address);
        client.addHeader("Origin", origin);
        client.connectBlocking();
        return client;
    }

    void say(String id, String text) {
        send(JSON.writeValueAsString(Map.of("type", "send", "id", id, "text", text)));
    }

    List<JsonNode> of(String type) {
        return frames.stream()
                .filter(frame -> frame.path("type").stringValue().equals(type))
                .toList();
    }

    List<Long> seqs() {
        return of("message").stream()
                .map(frame -> frame.path("seq").longValue())
                .toList();
    }

    JsonNode awaitFrame(Predicate<JsonNode> wanted) {
        await().atMost(PATIENCE).until(() -> frames.stream().anyMatch(wanted));
        return frames.stream().filter(wanted).findFirst().orElseThrow();
    }

    JsonNode awaitType(String type) {
        return awaitFrame(frame -> frame.path("type").stringValue().equals(type));
    }

    void awaitMessages(int count) {
        await().atMost(PATIENCE).until(() -> of("message").size() >= count);
    }

    /** The code that the connection ended with; fails where it broke by a fault of either side. */
    int awaitClosed() {
        await().atMost(PATIENCE).until(() -> closeCode != -1);
        Exception cause = fault;
        if (closeCode == CloseFrame.ABNORMAL_CLOSE && cause != null) {
            throw new AssertionError("the connection broke: " + cause, cause);
        }
        return closeCode;
    }

    @Override
    public void onOpen(ServerHandshake handshake) {}

    @Override
    public void onMessage(String message) {
        frames.add(JSON.readTree(message));
    }

    @Override
    public void onMessage(ByteBuffer bytes) {
        throw new AssertionError("the protocol has no binary frames");
    }

    @Override
    public void onClose(int code, String reason, boolean remote) {
        closeCode = code;
    }

    @Override
    public void onError(Exception e) {
        // Comes before onClose.
        fault = e;
    }
}
