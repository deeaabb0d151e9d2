package org.lectern.app.lti.platform;

import io.netty.channel.ChannelOption;
import io.netty.resolver.AddressResolverGroup;
import java.net.URI;
import java.time.Duration;
import org.lectern.app.lti.LtiProperties;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.http.client.reactive.ReactorClientHttpConnector;
import org.springframework.stereotype.Component;
import org.springframework.web.reactive.function.client.WebClient;
import reactor.netty.http.client.HttpClient;
import reactor.netty.resources.ConnectionProvider;

/**
 * HTTP to addresses that platforms named. Time and size of an answer are bounded, redirects are not followed, and each
 * host has a small connection pool of its own, so that a slow platform holds no thread and nobody else's place.
 *
 * <p>An address is trusted when an administrator of this server typed it in as such; every other one has to be https and
 * to resolve to public addresses, which is checked on the very addresses that are connected to.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
public class PlatformHttp {

    private final WebClient trusted;
    private final WebClient guarded;

    PlatformHttp(LtiProperties properties, ObjectProvider<AddressResolverGroup<?>> resolver) {
        Duration patience = properties.jwks().timeout();
        HttpClient plain = HttpClient.create(ConnectionProvider.builder("lti-platforms")
                        .maxConnections(8)
                        .pendingAcquireMaxCount(32)
                        .pendingAcquireTimeout(patience)
                        .maxIdleTime(Duration.ofSeconds(30))
                        .build())
                .followRedirect(false)
                .option(ChannelOption.CONNECT_TIMEOUT_MILLIS, (int) patience.toMillis())
                .responseTimeout(patience);
        AddressResolverGroup<?> own = resolver.getIfAvailable();
        HttpClient client = own == null ? plain : plain.resolver(own);
        this.trusted = webClient(client, properties.jwks().maxBytes());
        this.guarded = webClient(
                client.resolvedAddressesSelector((config, resolved) -> OutboundGuard.permitted(resolved)),
                properties.jwks().maxBytes());
    }

    /**
     * The client for an address. Its answers fail with a {@code DataBufferLimitException} past the size limit.
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

    private static WebClient webClient(HttpClient client, int maxBytes) {
        return WebClient.builder()
                .clientConnector(new ReactorClientHttpConnector(client))
                .codecs(codecs -> codecs.defaultCodecs().maxInMemorySize(maxBytes))
                .build();
    }
}
