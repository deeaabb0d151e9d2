package org.lectern.infra.redis;

import static org.assertj.core.api.Assertions.assertThat;

import java.util.concurrent.FutureTask;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicReference;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.redisson.misc.AsyncSemaphore;

/**
 * Why Redisson is held at its version: in 4.6.1 and 4.7.0 a command that begins to wait for a connection just when
 * Redis is given up may be lost from one half of the queue, and then whoever gives a connection back spins for ever
 * (redisson issue 7285). That was its timer's thread: a core at full load, and a node that could not be stopped.
 */
class CancelledWaitersTest {

    private static final int ROUNDS = 20_000;

    @Test
    void connectionCanBeGivenBackWhateverBecameOfThoseWhoWaited() throws Exception {
        AtomicReference<@Nullable AsyncSemaphore> now = new AtomicReference<>();
        FutureTask<Boolean> work = new FutureTask<>(() -> {
            for (int round = 0; round < ROUNDS; round++) {
                AsyncSemaphore connections = new AsyncSemaphore(1);
                var unusedHolder = connections.acquire();
                now.set(connections);
                var unusedWaiter = connections.acquire();
                while (now.get() != null) {
                    Thread.onSpinWait();
                }
                connections.release();
            }
            return true;
        });
        Thread giveUp = Thread.ofPlatform().daemon().start(() -> {
            while (!Thread.currentThread().isInterrupted()) {
                AsyncSemaphore connections = now.get();
                if (connections == null) {
                    Thread.onSpinWait();
                } else {
                    connections.removeListeners();
                    now.set(null);
                }
            }
        });
        Thread.ofPlatform().daemon().start(work);
        try {
            assertThat(work.get(60, TimeUnit.SECONDS)).isTrue();
        } finally {
            giveUp.interrupt();
        }
    }
}
