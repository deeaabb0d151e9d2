package org.lectern.infra.redis;

import java.time.Duration;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.ThreadPoolExecutor;
import java.util.concurrent.TimeUnit;
import org.redisson.Redisson;
import org.redisson.api.RedissonClient;
import org.redisson.config.Config;
import org.redisson.config.ConstantDelay;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** The client of Redis. */
@Configuration(proxyBeanMethods = false)
public class RedisConfiguration {

    private static final int LISTENER_THREADS = 8;

    @Bean
    RedisClientOwner redisClientOwner(RedisSettings settings) {
        return new RedisClientOwner(open(settings));
    }

    /** The client; its owner ends it, after everything that uses it. */
    @Bean(destroyMethod = "")
    RedissonClient redissonClient(RedisClientOwner owner) {
        return owner.client();
    }

    /**
     * A client that connects when it is first used, so that a node starts while Redis is down; {@link RedisLink} makes
     * that first use on a thread of its own. Its default codec is Redisson's; whoever stores something chooses a codec.
     */
    public static RedissonClient open(RedisSettings settings) {
        Config config = new Config();
        config.setLazyInitialization(true);
        config.setExecutor(listeners());
        config.setNettyThreads(4);
        config.setTcpKeepAlive(true);
        if (settings.username() != null) {
            config.setUsername(settings.username());
        }
        if (settings.password() != null) {
            config.setPassword(settings.password());
        }
        config.useSingleServer()
                .setAddress(settings.address())
                .setConnectionMinimumIdleSize(2)
                .setConnectionPoolSize(settings.connections())
                .setSubscriptionConnectionMinimumIdleSize(1)
                .setSubscriptionConnectionPoolSize(settings.subscriptionConnections())
                .setSubscriptionsPerConnection(50)
                .setConnectTimeout((int) settings.connectTimeout().toMillis())
                .setTimeout((int) settings.timeout().toMillis())
                .setSubscriptionTimeout((int) settings.timeout().toMillis())
                .setRetryAttempts(1)
                .setRetryDelay(new ConstantDelay(Duration.ofMillis(100)))
                .setPingConnectionInterval(1000);
        return Redisson.create(config);
    }

    /**
     * The threads that call listeners, which may wait: not Netty's kind, which BlockHound takes for event loops. They end
     * by themselves when there is nothing to do.
     */
    private static ExecutorService listeners() {
        ThreadPoolExecutor threads = new ThreadPoolExecutor(
                LISTENER_THREADS,
                LISTENER_THREADS,
                10,
                TimeUnit.SECONDS,
                new LinkedBlockingQueue<>(),
                Thread.ofPlatform().daemon().name("redisson-listener-", 0).factory());
        threads.allowCoreThreadTimeOut(true);
        return threads;
    }
}
