package org.lectern.db.directory;

import java.util.function.Function;
import org.lectern.db.Freshness;
import org.reactivestreams.Publisher;
import org.springframework.r2dbc.core.DatabaseClient;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Access to the directory database.
 *
 * <p>Thread-safe and non-blocking. Every statement runs under the configured statement time-out; connections come from
 * a bounded pool and are given back when the returned publisher ends, fails or is cancelled.
 */
public interface Directory {

    /**
     * Runs work in one transaction on the primary: committed when the work completes, rolled back when it fails or is
     * cancelled. The result is emitted only after the commit.
     */
    <T> Mono<T> write(Function<DatabaseClient, Mono<T>> work);

    /**
     * Runs exactly one statement on the primary, which is a transaction of its own: what {@link #write} does without its
     * begin and commit, two round trips less. For paths that are walked by a whole class at once. The result is emitted
     * only after the commit; a second statement would be a second transaction. It pays with two promises: a statement that
     * meets a dead connection fails instead of being tried again on another, and one that was sent is not undone by a
     * cancellation. So it is for what the caller may simply do anew.
     */
    <T> Mono<T> writeOne(Function<DatabaseClient, Mono<T>> statement);

    /** Runs a read, outside a transaction, on a server that is fresh enough. */
    <T> Flux<T> read(Freshness freshness, Function<DatabaseClient, ? extends Publisher<T>> work);
}
