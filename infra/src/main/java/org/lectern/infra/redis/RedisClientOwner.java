package org.lectern.infra.redis;

import java.time.Duration;
import org.redisson.api.RedissonClient;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Ends the client of Redis within a limit. Redisson's own shutdown waits for its timer's thread without one, and that
 * thread was seen busy for minutes after Redis had gone: a node that is told to stop would have hung.
 */
final class RedisClientOwner implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(RedisClientOwner.class);
    private static final Duration LIMIT = Duration.ofSeconds(10);

    private final RedissonClient client;

    RedisClientOwner(RedissonClient client) {
        this.client = client;
    }

    RedissonClient client() {
        return client;
    }

    @Override
    public void close() {
        Thread ending = Thread.ofPlatform().daemon().name("redisson-shutdown").start(client::shutdown);
        try {
            if (!ending.join(LIMIT)) {
                log.warn("The client of Redis did not end within {} s; left to itself", LIMIT.toSeconds());
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
        }
    }
}
