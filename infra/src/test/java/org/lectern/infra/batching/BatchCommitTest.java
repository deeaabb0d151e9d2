package org.lectern.infra.batching;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.concurrent.TimeoutException;
import java.util.concurrent.atomic.AtomicInteger;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.springframework.dao.CannotAcquireLockException;
import org.springframework.dao.DataIntegrityViolationException;
import reactor.core.publisher.Mono;
import reactor.test.scheduler.VirtualTimeScheduler;

class BatchCommitTest {

    private final VirtualTimeScheduler time = VirtualTimeScheduler.getOrSet();

    @AfterEach
    void realTime() {
        VirtualTimeScheduler.reset();
    }

    @Test
    void whatLostADeadlockIsBegunAnew() {
        AtomicInteger begun = new AtomicInteger();
        Mono<String> write = Mono.defer(() -> begun.incrementAndGet() < 3
                ? Mono.error(new CannotAcquireLockException("deadlock detected"))
                : Mono.just("written"));
        assertThat(BatchCommit.of(write)).isCompletedWithValue("written");
    }

    @Test
    void itIsNotBegunForEverAndNotAfterOtherErrors() {
        AtomicInteger begun = new AtomicInteger();
        assertThat(BatchCommit.of(Mono.defer(() -> {
                    begun.incrementAndGet();
                    return Mono.error(new CannotAcquireLockException("deadlock detected"));
                })))
                .failsWithin(Duration.ZERO)
                .withThrowableThat()
                .withCauseInstanceOf(CannotAcquireLockException.class);
        assertThat(begun).hasValue(3);
        assertThat(BatchCommit.of(Mono.defer(() -> {
                    begun.incrementAndGet();
                    return Mono.error(new DataIntegrityViolationException("a bad row"));
                })))
                .isCompletedExceptionally();
        assertThat(begun).hasValue(4);
    }

    @Test
    void whatDoesNotEndIsGivenUp() {
        var silent = BatchCommit.of(Mono.never());
        time.advanceTimeBy(Duration.ofSeconds(19));
        assertThat(silent).isNotDone();
        time.advanceTimeBy(Duration.ofSeconds(2));
        assertThat(silent).failsWithin(Duration.ZERO).withThrowableThat().withCauseInstanceOf(TimeoutException.class);
    }
}
