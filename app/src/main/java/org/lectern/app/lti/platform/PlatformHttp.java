package org.lectern.app.lti.platform;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.channel.ChannelOption;
import io.netty.resolver.AddressResolverGroup;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.concurrent.CopyOnWriteArrayList;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.LtiProperties;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.http.client.ReactorResourceFactory;
import org.springframework.http.client.reactive.ReactorClientHttpConnector;
import org.springframework.stereotype.Component;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.netty.http.client.HttpClient;
import reactor.netty.resources.ConnectionProvider;

/**
 * HTTP to addresses that platforms named, on the node's own event loops. Time and size of an answer are bounded, redirects
 * are not followed, and each host has a small connection pool of its own, so that a slow platform holds no thread and
 * nobody else's place; a host that nobody asks for some minutes is forgotten. Launches ({@link #to}) and services ({@link #clients}) have pools apart: a platform whose services
 * hang can still be launched from.
 *
 * <p>An address is trusted when an administrator of this server typed it in as such; every other one has to be https and
 * to resolve to public addresses, which is checked on the very addresses that are connected to.
 */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
public class PlatformHttp implements AutoCloseable {

    /** Waiting for a connection to one platform: this many for each connection. */
    private static final int WAITING_OF_CONNECTION = 16;

    private static final Duration FORGET_HOSTS_EVERY = Duration.ofMinutes(1);
    private static final Duration FORGET_HOSTS_AFTER = Duration.ofMinutes(5);

    private final ReactorResourceFactory loops;
    private final boolean ownLoops;
    private final @Nullable AddressResolverGroup<?> resolver;
    private final MeterRegistry meters;
    private final List<ConnectionProvider> pools = new CopyOnWriteArrayList<>();
    private final Clients launches;

    @Autowired
    PlatformHttp(
            LtiProperties properties,
            ReactorResourceFactory loops,
            ObjectProvider<AddressResolverGroup<?>> resolver,
            MeterRegistry meters) {
        this(properties, loops, false, resolver.getIfAvailable(), meters);
    }

    private PlatformHttp(
            LtiProperties properties,
            ReactorResourceFactory loops,
            boolean ownLoops,
            @Nullable AddressResolverGroup<?> resolver,
            MeterRegistry meters) {
        this.loops = loops;
        this.ownLoops = ownLoops;
        this.resolver = resolver;
        this.meters = meters;
        this.launches = clients(
                "lti-platforms",
                properties.jwks().timeout(),
                8,
                properties.jwks().maxBytes());
    }

    /** For a program that is no node; closing it ends its event loops. */
    public static PlatformHttp standalone(LtiProperties properties) {
        var loops = new ReactorResourceFactory();
        loops.setUseGlobalResources(false);
        loops.setShutdownQuietPeriod(Duration.ZERO);
        loops.afterPropertiesSet();
        return new PlatformHttp(properties, loops, true, null, new SimpleMeterRegistry());
    }

    /**
     * The client for an address that a launch needs. Its answers fail with a {@code DataBufferLimitException} past the size
     * limit.
     *
     * @param address where the call goes
     * @param trustedAddress whether loopback, private networks and plain http are permitted
     * @throws UnacceptableAddressException when the address is not trusted and not acceptable either
     */
    public WebClient to(URI address, boolean trustedAddress) {
        return launches.to(address, trustedAddress);
    }

    /**
     * Clients with limits and connections of their own.
     *
     * @param name of their pool
     * @param patience for a connection and for each answer
     * @param connections to one platform
     * @param maxBytes of an answer
     */
    public Clients clients(String name, Duration patience, int connections, int maxBytes) {
        var counted = new PlatformPools(name, meters);
        var pool = ConnectionProvider.builder(name)
                .maxConnections(connections)
                .pendingAcquireMaxCount(connections * WAITING_OF_CONNECTION)
                .pendingAcquireTimeout(patience)
                .maxIdleTime(Duration.ofSeconds(30))
                .disposeInactivePoolsInBackground(FORGET_HOSTS_EVERY, FORGET_HOSTS_AFTER)
                .metrics(true, () -> counted)
                .build();
        pools.add(pool);
        HttpClient plain = HttpClient.create(pool)
                .runOn(loops.getLoopResources())
                .followRedirect(false)
                .compress(true)
                .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) patience.toMillis())
                .responseTimeout(patience);
        HttpClient client = resolver == null ? plain : plain.resolver(resolver);
        return new Clients(
                webClient(client, maxBytes),
                webClient(
                        client.resolvedAddressesSelector((config, resolved) -> OutboundGuard.permitted(resolved)),
                        maxBytes));
    }

    @Override
    public void close() {
        pools.forEach(ConnectionProvider::dispose);
        if (ownLoops) {
            loops.destroy();
        }
    }

    private static WebClient webClient(HttpClient client, int maxBytes) {
        return WebClient.builder()
                .clientConnector(new ReactorClientHttpConnector(client))
                .codecs(codecs -> codecs.defaultCodecs().maxInMemorySize(maxBytes))
                .build();
    }

    /** A client for addresses that are trusted, and one for all others. */
    public static final class Clients {

        private final WebClient trusted;
        private final WebClient guarded;

        private Clients(WebClient trusted, WebClient guarded) {
            this.trusted = trusted;
            this.guarded = guarded;
        }

        /**
         * The client for an address.
         *
         * @param address where the call goes
         * @param trustedAddress whether loopback, private networks and plain http are permitted
         * @throws UnacceptableAddressException when the address is not trusted and not acceptable either
         */
        public WebClient to(URI address, boolean trustedAddress) {
            if (trustedAddress) {
                return trusted;
            }
            if (!OutboundGuard.acceptable(address)) {
                throw new UnacceptableAddressException();
            }
            return guarded;
        }
    }
}
