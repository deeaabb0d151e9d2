package org.lectern.app.fault;

import static org.assertj.core.api.Assertions.assertThat;
import static org.awaitility.Awaitility.await;

import java.io.IOException;
import java.net.Socket;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Path;
import java.security.MessageDigest;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.Timestamp;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayList;
import java.util.Base64;
import java.util.Collections;
import java.util.EnumSet;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Random;
import java.util.UUID;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.TimeUnit;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.db.embedded.BinaryCache;
import org.lectern.db.embedded.FreePort;
import org.lectern.infra.embedded.EmbeddedService;
import org.lectern.infra.embedded.EmbeddedServices;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.boot.convert.DurationStyle;
import tools.jackson.databind.json.JsonMapper;

/**
 * Three processes of the product on one PostgreSQL and one Redis, people who write and read all the time on whatever node
 * they find, and every kind of fault in random order: a node killed, Redis flushed or killed, the database restarted in
 * order or killed. Afterwards every acknowledged message is there exactly once, under the number it was acknowledged
 * with, and everybody has seen the same messages in the same order with no gap on the way.
 *
 * <p>Every kind of fault comes once at least, and then at random until {@code -Dlectern.fault.duration} (20s) is over;
 * {@code 10m} is the long form. {@code -Dlectern.fault.seed} repeats a run's choices.
 */
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
class ChatFaultIT {

    private static final Logger log = LoggerFactory.getLogger(ChatFaultIT.class);

    private static final int NODES = 3;
    private static final int ROOMS = 2;
    private static final int PEOPLE_PER_ROOM = 5;
    private static final Duration PATIENCE = Duration.ofMinutes(4);

    /** No machine is so busy that a connection may take longer. */
    private static final long BUSY_MILLIS = 8_000;

    private static final Duration DURATION =
            DurationStyle.detectAndParse(System.getProperty("lectern.fault.duration", "20s"));
    private static final long SEED = Long.getLong("lectern.fault.seed", System.nanoTime());

    private enum Fault {
        KILL_NODE,
        FLUSH_REDIS,
        KILL_REDIS,
        RESTART_DATABASE,
        KILL_DATABASE
    }

    private final HttpClient http =
            HttpClient.newBuilder().connectTimeout(Duration.ofSeconds(3)).build();
    private final Random random = new Random(SEED);
    private @Nullable EmbeddedServices services;
    private @Nullable ChatNodes nodes;
    private @Nullable ExecutorService threads;
    private final List<Participant> people = new ArrayList<>();

    @BeforeAll
    void start(@TempDir Path directory) throws Exception {
        services = EmbeddedServices.start(new EmbeddedServices.Settings(
                directory, EnumSet.of(EmbeddedService.POSTGRESQL, EmbeddedService.REDIS), 0, BinaryCache.ofUser()));
        Map<String, String> properties = new HashMap<>(services.properties());
        properties.put("spring.rabbitmq.host", "127.0.0.1");
        properties.put("spring.rabbitmq.port", Integer.toString(FreePort.any()));
        properties.put("lectern.keys.secret", Base64.getEncoder().encodeToString(new byte[32]));
        properties.put("lectern.chat.drain-spread", "2s");
        nodes = ChatNodes.start(NODES, directory, properties, http);
        awaitReady(NODES);
    }

    @AfterEach
    void goHome() throws InterruptedException {
        people.forEach(Participant::stop);
        if (threads != null) {
            threads.shutdown();
            threads.awaitTermination(30, TimeUnit.SECONDS);
        }
        people.clear();
    }

    @AfterAll
    void stop() {
        if (nodes != null) {
            nodes.close();
        }
        if (services != null) {
            services.close();
        }
    }

    @Test
    void whateverDiesNoAcknowledgedMessageIsLostDoubledOrOutOfOrder() throws Exception {
        log.info("faults for {} with seed {}", DURATION, SEED);
        bringPeople(nodes()::addresses, true);
        awaitProgress("the start");
        long end = System.nanoTime() + DURATION.toNanos();
        List<Fault> plan = new ArrayList<>(List.of(Fault.values()));
        Collections.shuffle(plan, random);
        int faults = 0;
        while (faults < plan.size() || System.nanoTime() < end) {
            Fault fault =
                    faults < plan.size() ? plan.get(faults) : Fault.values()[random.nextInt(Fault.values().length)];
            faults++;
            log.info("fault {}: {}", faults, fault);
            cause(fault);
            awaitProgress(fault.name());
        }
        awaitReady(NODES);
        settle();
        check(faults);
    }

    @Test
    void aRollingRestartLosesNothingAndNobodyWaitsLongerThanToldTo() throws Exception {
        bringPeople(nodes()::healthy, false);
        // Who drop their connections of their own accord now and then tell how long a connection takes here meanwhile.
        for (UUID room : List.of(people.getFirst().room, people.getLast().room)) {
            Participant restless = person(room, nodes()::healthy, true);
            people.add(restless);
            threads().execute(restless::run);
        }
        awaitProgress("the start");
        for (int node = 0; node < NODES; node++) {
            people.forEach(each -> each.calm(false));
            Process stopping = nodes().terminate(node);
            assertThat(stopping.waitFor(PATIENCE.toSeconds(), TimeUnit.SECONDS)).isTrue();
            awaitProgress("the stop of node " + node);
            awaitReady(NODES);
            people.forEach(each -> each.calm(true));
        }
        settle();
        check(NODES);
        List<Long> late =
                people.stream().flatMap(each -> each.lateMillis().stream()).toList();
        log.info("sent elsewhere {} times, in again after the advertised delay and {} ms", late.size(), late);
        assertThat(late).isNotEmpty();
        // How long a connection takes that no node asked for, while all are there, stands for how busy this machine is.
        long usual = people.stream()
                .mapToLong(Participant::longestConnectionMillis)
                .max()
                .orElseThrow();
        assertThat(late).allSatisfy(millis -> assertThat(millis).isLessThan(2_000 + Math.min(usual, BUSY_MILLIS)));
    }

    @Test
    void aSessionThatIsEndedAnywhereEndsItsSocketsOnEveryNode() throws Exception {
        Participant ended = person(UUID.randomUUID(), nodes()::addresses, false);
        Participant living = person(ended.room, nodes()::addresses, false);
        List<CompletableFuture<Integer>> closes = new ArrayList<>();
        for (URI node : nodes().addresses()) {
            closes.add(closeOfSocket(node, ended));
        }
        CompletableFuture<Integer> stays = closeOfSocket(nodes().addresses().getFirst(), living);
        try (Connection directory = database("lectern_directory");
                PreparedStatement end = directory.prepareStatement("delete from session where user_id = ?")) {
            end.setObject(1, ended.user);
            assertThat(end.executeUpdate()).isOne();
        }
        for (CompletableFuture<Integer> close : closes) {
            // 5 s and a query, on a machine that has more to do.
            assertThat(close.get(20, TimeUnit.SECONDS)).isEqualTo(4001);
        }
        assertThat(stays).isNotDone();
        stays.cancel(true);
    }

    /** A socket of a person at a node: the code it is closed with. */
    private CompletableFuture<Integer> closeOfSocket(URI node, Participant person) throws Exception {
        HttpResponse<String> answer = http.send(
                HttpRequest.newBuilder(node.resolve("/api/chat/rooms/" + person.room + "/tickets"))
                        .header("Authorization", "Bearer " + person.token)
                        .POST(HttpRequest.BodyPublishers.noBody())
                        .build(),
                HttpResponse.BodyHandlers.ofString());
        assertThat(answer.statusCode()).as(answer.body()).isEqualTo(200);
        CompletableFuture<Integer> closed = new CompletableFuture<>();
        String address = JsonMapper.shared().readTree(answer.body()).path("url").asString();
        http.newWebSocketBuilder()
                .buildAsync(URI.create(address), new WebSocket.Listener() {
                    @Override
                    public @Nullable CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
                        closed.complete(code);
                        return null;
                    }
                })
                .get(10, TimeUnit.SECONDS);
        return closed;
    }

    private void cause(Fault fault) throws Exception {
        var postgres = services().postgres().orElseThrow().primary();
        var redis = services().redis().orElseThrow();
        switch (fault) {
            // Also when the others are only starting: nothing acknowledged may depend on any node.
            case KILL_NODE -> nodes().kill(random.nextInt(NODES));
            case FLUSH_REDIS -> flush(redis.port());
            case KILL_REDIS -> {
                redis.kill();
                Thread.sleep(random.nextInt(2_000));
                redis.start();
            }
            case RESTART_DATABASE -> postgres.restart();
            case KILL_DATABASE -> {
                postgres.kill();
                Thread.sleep(random.nextInt(1_000));
                postgres.start();
            }
        }
    }

    /** Everybody gets something acknowledged after now, so the product has come back for all. */
    private void awaitProgress(String after) {
        List<Integer> before =
                people.stream().map(Participant::acknowledgements).toList();
        await("progress after " + after)
                .pollInterval(Duration.ofMillis(50))
                .atMost(PATIENCE)
                .failFast(() -> assertThat(people.stream().flatMap(each -> each.breaches().stream()))
                        .isEmpty())
                .until(() -> {
                    for (int i = 0; i < people.size(); i++) {
                        if (people.get(i).acknowledgements() < before.get(i) + 2) {
                            return false;
                        }
                    }
                    return true;
                });
    }

    /** Nobody says anything new; all that was said is acknowledged, and everybody has seen all of it. */
    private void settle() throws Exception {
        people.forEach(Participant::quiet);
        await("all acknowledged").atMost(PATIENCE).until(() -> people.stream().allMatch(Participant::allAcknowledged));
        for (Participant each : people) {
            long head = head(each.room);
            await("all seen").atMost(PATIENCE).until(() -> each.seen().size() >= head);
        }
    }

    private void check(int disturbances) throws Exception {
        assertThat(people.stream().flatMap(each -> each.breaches().stream())).isEmpty();
        Map<UUID, List<Participant.Seen>> truth = new HashMap<>();
        for (Participant each : people) {
            truth.putIfAbsent(each.room, stored(each.room));
        }
        int messages = 0;
        for (Participant each : people) {
            List<Participant.Seen> stored = Objects.requireNonNull(truth.get(each.room));
            assertThat(each.seen()).as("what %s saw", each.user).isEqualTo(stored);
            Map<String, Long> mine = new HashMap<>();
            for (Participant.Seen entry : stored) {
                if (entry.user().equals(each.user.toString())) {
                    assertThat(mine.put(entry.id(), entry.seq()))
                            .as("%s once", entry.id())
                            .isNull();
                }
            }
            assertThat(mine).as("acknowledged and stored of %s", each.user).isEqualTo(each.acknowledged());
            messages += mine.size();
        }
        log.info(
                "{} messages, {} disturbances, {} connections: nothing lost, doubled or out of order",
                messages,
                disturbances,
                people.stream().mapToInt(Participant::connections).sum());
    }

    private void bringPeople(Supplier<List<URI>> known, boolean restless) throws Exception {
        threads = Executors.newVirtualThreadPerTaskExecutor();
        for (int room = 0; room < ROOMS; room++) {
            UUID id = UUID.randomUUID();
            for (int i = 0; i < PEOPLE_PER_ROOM; i++) {
                people.add(person(id, known, restless));
            }
        }
        people.forEach(person -> threads.execute(person::run));
    }

    private Participant person(UUID room, Supplier<List<URI>> known, boolean restless) throws Exception {
        String token = "lectern_" + Base64.getUrlEncoder().withoutPadding().encodeToString(bytes(random, 32));
        Participant person =
                new Participant(room, token, known, http, Duration.ofMillis(60), restless, random.nextLong());
        openSession(person);
        return person;
    }

    private static byte[] bytes(Random random, int count) {
        byte[] bytes = new byte[count];
        random.nextBytes(bytes);
        return bytes;
    }

    private void openSession(Participant person) throws Exception {
        try (Connection directory = database("lectern_directory");
                PreparedStatement insert = directory.prepareStatement("""
                        insert into session (id, token_digest, user_id, name, context_id, roles, operator, target,
                            created_at, expires_at)
                        values (?, ?, ?, ?, ?, '{student}', false, 'chat', ?, ?)
                        """)) {
            insert.setObject(1, UUID.randomUUID());
            insert.setBytes(
                    2, MessageDigest.getInstance("SHA-256").digest(person.token.getBytes(StandardCharsets.UTF_8)));
            insert.setObject(3, person.user);
            insert.setString(4, "Somebody");
            insert.setObject(5, person.room);
            insert.setTimestamp(6, Timestamp.from(Instant.now()));
            insert.setTimestamp(7, Timestamp.from(Instant.now().plus(Duration.ofHours(2))));
            insert.execute();
        }
    }

    private long head(UUID room) throws Exception {
        return stored(room).size();
    }

    /** The room's messages as the database has them, on whichever shard; their numbers have no gap. */
    private List<Participant.Seen> stored(UUID room) throws Exception {
        List<Participant.Seen> entries = new ArrayList<>();
        for (int shard = 0; shard < 4; shard++) {
            try (Connection connection = database("lectern_shard_" + shard);
                    PreparedStatement select = connection.prepareStatement(
                            "select seq, user_id::text, client_id, text from chat_entry where context_id = ? order by seq")) {
                select.setObject(1, room);
                try (ResultSet rows = select.executeQuery()) {
                    while (rows.next()) {
                        entries.add(new Participant.Seen(
                                rows.getLong(1), rows.getString(2), rows.getString(3), rows.getString(4)));
                        assertThat(entries.getLast().seq()).isEqualTo(entries.size());
                    }
                }
            }
        }
        return entries;
    }

    private Connection database(String name) throws Exception {
        return services().postgres().orElseThrow().primary().connect(name);
    }

    private void awaitReady(int count) {
        await("nodes are ready")
                .pollInterval(Duration.ofMillis(200))
                .atMost(PATIENCE)
                .until(() -> nodes().ready() == count);
    }

    private static void flush(int port) throws IOException {
        try (Socket socket = new Socket()) {
            socket.connect(FreePort.loopback(port), 2_000);
            socket.setSoTimeout(5_000);
            socket.getOutputStream().write("FLUSHALL\r\n".getBytes(StandardCharsets.US_ASCII));
            assertThat(socket.getInputStream().readNBytes(3)).isEqualTo("+OK".getBytes(StandardCharsets.US_ASCII));
        }
    }

    private EmbeddedServices services() {
        return Objects.requireNonNull(services);
    }

    private ExecutorService threads() {
        return Objects.requireNonNull(threads);
    }

    private ChatNodes nodes() {
        return Objects.requireNonNull(nodes);
    }
}
