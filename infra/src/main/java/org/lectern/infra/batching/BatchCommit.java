package org.lectern.infra.batching;

import java.time.Duration;
import java.util.Objects;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeoutException;
import org.springframework.dao.PessimisticLockingFailureException;
import reactor.core.publisher.Mono;
import reactor.util.retry.Retry;

/**
 * A batch on its way to the database, for a {@link SmartBatcher}. Its batches do not overlap, so one that never ended would
 * hold up all that come after it, and the limits of statements are the server's: they say nothing when the server is cut
 * off.
 */
public final class BatchCommit {

    /** More than taking a connection and a statement may take together by default (5 s and 10 s). */
    private static final Duration LIMIT = Duration.ofSeconds(20);

    private static final int DEADLOCKS = 2;

    private BatchCommit() {}

    /**
     * Begins to write.
     *
     * @param write one transaction; begun anew when it lost a deadlock, which has undone it
     * @return its result; fails with {@link TimeoutException} after 20 s
     */
    public static <R> CompletableFuture<R> of(Mono<R> write) {
        return write.retryWhen(Retry.max(DEADLOCKS)
                        .filter(PessimisticLockingFailureException.class::isInstance)
                        .onRetryExhaustedThrow((retry, last) -> last.failure()))
                .timeout(LIMIT)
                .toFuture()
                .thenApply(result -> Objects.requireNonNull(result));
    }
}
