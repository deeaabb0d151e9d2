package org.lectern.infra.cache;

import java.time.Duration;
import java.util.List;
import reactor.core.publisher.Mono;

/**
 * The level that all nodes share, and the channel over which they tell each other what is no longer true.
 *
 * <p>The contract that the cache's promises rest on: each call is atomic. {@link #fill} stores nothing when the key, its
 * family or everything was invalidated since the ticket was given. {@link #invalidate} removes and announces in one step,
 * and every node whose {@link #live} says so hears what is announced, this node too. Nothing here fails: a level that
 * cannot be reached is {@link Look.Away}, stores nothing, and remembers that it has missed an invalidation until it has
 * made good for it. Thread-safe, non-blocking.
 */
interface SharedLevel extends AutoCloseable {

    /** What the level says of a key. */
    sealed interface Look {
        /** It has a value. The ticket is for putting another in its place. */
        record Hit(String text, Ticket ticket) implements Look {}

        /** It has none. Of all that were told so, one {@code leads}: it is to load, and the others may wait for it. */
        record Miss(Ticket ticket, boolean leads) implements Look {}

        /** It cannot be asked now. */
        record Away() implements Look {}
    }

    /**
     * What stood when a load began: random tokens, each replaced by an invalidation.
     *
     * @param era of everything
     * @param generation of the family
     * @param version of the key; empty when it was not invalidated of late
     * @param lease the caller's own
     */
    record Ticket(String era, String generation, String version, String lease) {}

    /** Who is told what. */
    interface Listener {
        /** Some node announced this; {@code pattern} as in {@link Cache#invalidate}. */
        void invalidated(String pattern);

        /** Anything may have been announced without being heard. */
        void gap();
    }

    /** To be called once, before anything else. */
    void listen(Listener listener);

    /** Whether every invalidation until now has been heard, as far as this node can know, and values can be had. */
    boolean live();

    /**
     * Asks for a value.
     *
     * @param lease says who asks; the same in repeated calls, so that a leader stays one
     */
    Mono<Look> look(CacheFamily<?> family, String key, String lease);

    /** Stores a value, unless it was invalidated since the ticket was given: then false. Ends the ticket's lease. */
    Mono<Boolean> fill(CacheFamily<?> family, String key, Ticket ticket, String text, Duration timeToLive);

    /** Ends the ticket's lease: there will be no value. */
    Mono<Void> release(CacheFamily<?> family, String key, Ticket ticket);

    /** Removes and announces. */
    Mono<Void> invalidate(CachePattern pattern);

    /** Notes what this node is asked for most, the most popular first. */
    Mono<Void> notePopular(CacheFamily<?> family, List<String> keys);

    /** What nodes are asked for most, the most popular first. */
    Mono<List<String>> popular(CacheFamily<?> family, int limit);

    @Override
    void close();
}
