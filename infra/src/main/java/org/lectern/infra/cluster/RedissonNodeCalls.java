package org.lectern.infra.cluster;

import io.micrometer.core.instrument.MeterRegistry;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.ConcurrentMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.redis.RedisLink;
import org.redisson.api.RedissonClient;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.stereotype.Component;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * Questions and answers over one topic of Redis for each node. A message is {@code kind, number of the call, from, subject,
 * payload}, strings by length. Redis says how many heard a question, so a node that is gone is known at once.
 */
@Component
final class RedissonNodeCalls implements NodeCalls, SmartLifecycle {

    private static final Logger log = LoggerFactory.getLogger(RedissonNodeCalls.class);

    private static final int OUTSTANDING_LIMIT = 10_000;
    private static final Duration CHECK = Duration.ofSeconds(1);
    private static final byte QUESTION = 1;
    private static final byte ANSWER = 2;
    private static final byte FAILURE = 3;

    private final RedissonClient redis;
    private final RedisLink link;
    private final Membership membership;
    private final ConcurrentMap<Long, CompletableFuture<byte[]>> outstanding = new ConcurrentHashMap<>();
    private final ConcurrentMap<String, Function<byte[], Mono<byte[]>>> answerers = new ConcurrentHashMap<>();
    private final AtomicLong calls = new AtomicLong();
    private final ProbedTopic own;
    private volatile boolean running;
    private @Nullable Disposable checking;

    RedissonNodeCalls(RedissonClient redis, RedisLink link, Membership membership, MeterRegistry metrics) {
        this.redis = redis;
        this.link = link;
        this.membership = membership;
        this.own = new ProbedTopic(
                redis,
                topic(membership.self().id()),
                Duration.ofSeconds(2),
                3,
                this::heard,
                metrics.counter("lectern.cluster.subscriptions.lost")::increment);
        metrics.gaugeMapSize("lectern.cluster.calls", List.of(), outstanding);
    }

    @Override
    public Mono<byte[]> ask(String node, String subject, byte[] question, Duration patience) {
        return Mono.defer(() -> {
            if (!link.up()) {
                return Mono.error(new IllegalStateException("Redis does not answer"));
            }
            if (outstanding.size() >= OUTSTANDING_LIMIT) {
                return Mono.error(new IllegalStateException("too many questions to other nodes are under way"));
            }
            long number = calls.incrementAndGet();
            CompletableFuture<byte[]> answer = new CompletableFuture<>();
            outstanding.put(number, answer);
            var sent = send(node, QUESTION, number, subject, question).whenComplete((heard, e) -> {
                if (e != null) {
                    answer.completeExceptionally(e);
                } else if (heard == 0) {
                    answer.completeExceptionally(new IllegalStateException("node " + node + " is gone"));
                }
            });
            return Mono.fromFuture(answer, true).timeout(patience).doFinally(unused -> {
                outstanding.remove(number);
                sent.cancel(false);
            });
        });
    }

    @Override
    public Disposable answer(String subject, Function<byte[], Mono<byte[]>> answerer) {
        answerers.put(subject, answerer);
        return () -> answerers.remove(subject, answerer);
    }

    /** As the fan-out: a node that can be asked hears questions. */
    @Override
    public int getPhase() {
        return SmartLifecycle.DEFAULT_PHASE - 4096;
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public void start() {
        running = true;
        checking = Flux.interval(Duration.ZERO, CHECK)
                .onBackpressureDrop()
                .filter(unused -> link.up())
                .subscribe(unused -> own.check());
    }

    @Override
    public void stop() {
        running = false;
        if (checking != null) {
            checking.dispose();
        }
    }

    private void heard(byte[] message) {
        try {
            ByteBuffer buffer = ByteBuffer.wrap(message);
            byte kind = buffer.get();
            long number = buffer.getLong();
            String from = text(buffer);
            String subject = text(buffer);
            byte[] payload = new byte[buffer.remaining()];
            buffer.get(payload);
            if (kind == QUESTION) {
                // Redisson delivers on few threads, which must be free for the next message.
                Mono.defer(() -> answered(subject, payload))
                        .subscribeOn(Schedulers.parallel())
                        .subscribe(
                                answer -> reply(from, ANSWER, number, answer),
                                e -> reply(from, FAILURE, number, e.toString().getBytes(StandardCharsets.UTF_8)));
                return;
            }
            @Nullable CompletableFuture<byte[]> waiting = outstanding.get(number);
            if (waiting == null) {
                return;
            }
            if (kind == ANSWER) {
                var unused = waiting.completeAsync(() -> payload);
            } else {
                waiting.completeExceptionally(new IllegalStateException(
                        "node " + from + " could not: " + new String(payload, StandardCharsets.UTF_8)));
            }
        } catch (RuntimeException e) {
            log.warn("a message of {} bytes from another node could not be handled", message.length, e);
        }
    }

    private Mono<byte[]> answered(String subject, byte[] question) {
        @Nullable Function<byte[], Mono<byte[]>> answerer = answerers.get(subject);
        return answerer == null
                ? Mono.error(new IllegalStateException("nobody here answers " + subject))
                : answerer.apply(question);
    }

    private void reply(String to, byte kind, long number, byte[] payload) {
        var unused = send(to, kind, number, "", payload)
                .whenComplete((heard, e) -> log.trace("answered {} to {}", number, to, e));
    }

    private CompletableFuture<Long> send(String to, byte kind, long number, String subject, byte[] payload) {
        byte[] from = membership.self().id().getBytes(StandardCharsets.UTF_8);
        byte[] about = subject.getBytes(StandardCharsets.UTF_8);
        byte[] message = ByteBuffer.allocate(13 + from.length + about.length + payload.length)
                .put(kind)
                .putLong(number)
                .putShort((short) from.length)
                .put(from)
                .putShort((short) about.length)
                .put(about)
                .put(payload)
                .array();
        return ProbedTopic.publish(redis, topic(to), message).toCompletableFuture();
    }

    private static String topic(String node) {
        return "lectern:node:" + node;
    }

    private static String text(ByteBuffer buffer) {
        byte[] bytes = new byte[Short.toUnsignedInt(buffer.getShort())];
        buffer.get(bytes);
        return new String(bytes, StandardCharsets.UTF_8);
    }
}
