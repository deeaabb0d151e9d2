package org.lectern.infra.cache;

import java.time.Duration;
import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Supplier;
import org.jspecify.annotations.Nullable;
import reactor.core.publisher.Mono;

/**
 * A shared level whose every step is taken when the test says so: each call waits as a step that can be taken before or
 * after any other, as calls on the way to Redis do, and what is announced waits for each node in order.
 */
final class SimulatedLevel {

    /** What can happen next, in no order. */
    final List<Runnable> steps = new ArrayList<>();

    final List<Node> nodes = new ArrayList<>();

    private final Map<String, String> texts = new HashMap<>();
    private final Map<String, String> leases = new HashMap<>();
    private final Map<String, Integer> generations = new HashMap<>();
    private final Map<String, Integer> versions = new HashMap<>();
    private final Supplier<long[]> source;
    private int tokens;

    SimulatedLevel(Supplier<long[]> source) {
        this.source = source;
    }

    /** As one node sees it. */
    final class Node implements SharedLevel {

        /** Announcements that this node has not heard yet, with what the test wants to know of them. */
        final Deque<Announced> unheard = new ArrayDeque<>();

        private @Nullable Listener listener;
        private boolean live = true;

        /** Hears the next announcement, if there is one. */
        @Nullable
        Announced hear() {
            Announced next = unheard.poll();
            if (next != null && listener != null) {
                listener.invalidated(next.pattern().toString());
            }
            return next;
        }

        /** Misses what it has not heard, and will learn that it has. */
        void miss() {
            unheard.clear();
            if (live) {
                live = false;
                steps.add(() -> {
                    unheard.clear();
                    if (listener != null) {
                        listener.gap();
                    }
                    live = true;
                });
            }
        }

        @Override
        public void listen(Listener told) {
            listener = told;
        }

        @Override
        public boolean live() {
            return live;
        }

        @Override
        public Mono<Look> look(CacheFamily<?> family, String key, String lease) {
            return later(() -> {
                Ticket ticket = ticket(family, key, lease);
                String text = texts.get(entry(family, key));
                if (text != null) {
                    return new Look.Hit(text, ticket);
                }
                leases.putIfAbsent(leaseKey(family, key, ticket), lease);
                return new Look.Miss(ticket, lease.equals(leases.get(leaseKey(family, key, ticket))));
            });
        }

        @Override
        public Mono<Boolean> fill(CacheFamily<?> family, String key, Ticket ticket, String text, Duration timeToLive) {
            return later(() -> {
                leases.remove(leaseKey(family, key, ticket), ticket.lease());
                if (!ticket.equals(ticket(family, key, ticket.lease()))) {
                    return false;
                }
                texts.put(entry(family, key), text);
                return true;
            });
        }

        @Override
        public Mono<Void> release(CacheFamily<?> family, String key, Ticket ticket) {
            return later(() -> leases.remove(leaseKey(family, key, ticket), ticket.lease()))
                    .then();
        }

        @Override
        public Mono<Void> invalidate(CachePattern pattern) {
            return later(() -> {
                        if (pattern.prefix()) {
                            generations.put(pattern.family(), ++tokens);
                            texts.keySet().removeIf(pattern::matches);
                        } else {
                            versions.put(pattern.toString(), ++tokens);
                            texts.remove(pattern.toString());
                        }
                        Announced announced =
                                new Announced(pattern, source.get().clone());
                        nodes.forEach(node -> node.unheard.add(announced));
                        return true;
                    })
                    .then();
        }

        @Override
        public Mono<Void> notePopular(CacheFamily<?> family, List<String> keys) {
            return Mono.empty();
        }

        @Override
        public Mono<List<String>> popular(CacheFamily<?> family, int limit) {
            return Mono.just(List.of());
        }

        @Override
        public void close() {}
    }

    /**
     * @param pattern what was invalidated
     * @param source what the source held when it was
     */
    @SuppressWarnings("ArrayRecordComponent") // never compared
    record Announced(CachePattern pattern, long[] source) {}

    Node node() {
        Node node = new Node();
        nodes.add(node);
        return node;
    }

    /** Every lease runs out. */
    void expireLeases() {
        leases.clear();
    }

    @Nullable
    String text(CacheFamily<?> family, String key) {
        return texts.get(entry(family, key));
    }

    private <T> Mono<T> later(Supplier<T> step) {
        return Mono.create(sink -> steps.add(() -> sink.success(step.get())));
    }

    private SharedLevel.Ticket ticket(CacheFamily<?> family, String key, String lease) {
        return new SharedLevel.Ticket(
                "",
                String.valueOf(generations.get(family.name())),
                String.valueOf(versions.get(entry(family, key))),
                lease);
    }

    private static String entry(CacheFamily<?> family, String key) {
        return family.name() + ":" + key;
    }

    private static String leaseKey(CacheFamily<?> family, String key, SharedLevel.Ticket ticket) {
        return entry(family, key) + " " + ticket.generation() + " " + ticket.version();
    }
}
