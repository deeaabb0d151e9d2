package org.lectern.infra.redis;

import java.time.Duration;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.DefaultValue;

/**
 * Where Redis is and how long anything waits for it.
 *
 * @param address {@code redis://host:port} or {@code rediss://host:port} (default: {@code redis://127.0.0.1:6379})
 * @param username the ACL user, where Redis asks for one (default: none)
 * @param password the password, where Redis asks for one (default: none)
 * @param connectTimeout for how long a new connection may take (default: 1s)
 * @param timeout for how long one command may take (default: 1s)
 * @param connections the most connections for commands (default: 16)
 * @param subscriptionConnections the most connections for subscriptions, each of which carries 50 (default: 8)
 * @param pingInterval how often this node looks whether Redis answers (default: 500ms)
 */
@ConfigurationProperties("lectern.redis")
public record RedisSettings(
        @DefaultValue("redis://127.0.0.1:6379") String address,
        @Nullable String username,
        @Nullable String password,
        @DefaultValue("1s") Duration connectTimeout,
        @DefaultValue("1s") Duration timeout,
        @DefaultValue("16") int connections,
        @DefaultValue("8") int subscriptionConnections,
        @DefaultValue("500ms") Duration pingInterval) {

    /** Settings for a server without a password. */
    public static RedisSettings of(String address) {
        return new RedisSettings(
                address, null, null, Duration.ofSeconds(1), Duration.ofSeconds(1), 16, 8, Duration.ofMillis(500));
    }

    /** Hides the password. */
    @Override
    public String toString() {
        return "RedisSettings[" + address + "]";
    }
}
