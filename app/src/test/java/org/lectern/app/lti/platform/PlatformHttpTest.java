package org.lectern.app.lti.platform;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.micrometer.core.instrument.MeterRegistry;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import io.netty.resolver.AbstractAddressResolver;
import io.netty.resolver.AddressResolver;
import io.netty.resolver.AddressResolverGroup;
import io.netty.util.concurrent.EventExecutor;
import io.netty.util.concurrent.Promise;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.ServerSocket;
import java.net.URI;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.stream.IntStream;
import org.awaitility.Awaitility;
import org.junit.jupiter.api.Test;
import org.lectern.app.lti.LtiProperties;
import org.springframework.beans.factory.support.StaticListableBeanFactory;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.source.MapConfigurationPropertySource;
import org.springframework.http.client.ReactorResourceFactory;
import org.springframework.web.reactive.function.client.WebClientRequestException;
import reactor.core.Disposable;

/** The guard where it counts: at the addresses that are connected to. */
class PlatformHttpTest {

    @Test
    void aNameThatResolvesIntoOurOwnNetworkIsNotConnectedToNotEvenTheSecondTime() throws IOException {
        try (var inside = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            inside.setSoTimeout(1);
            var resolver = new Rebinding();
            PlatformHttp http = http(resolver);
            URI address = URI.create("https://rebind.example:" + inside.getLocalPort() + "/keys");
            for (int i = 0; i < 3; i++) {
                assertThatExceptionOfType(WebClientRequestException.class)
                        .isThrownBy(() -> http.to(address, false)
                                .get()
                                .uri(address)
                                .retrieve()
                                .toBodilessEntity()
                                .block(Duration.ofSeconds(30)));
            }
            assertThat(resolver.asked).hasPositiveValue();
            assertThatExceptionOfType(java.net.SocketTimeoutException.class)
                    .as("nobody connected")
                    .isThrownBy(inside::accept);
        }
    }

    @Test
    void anAddressOfTheWrongFormIsNotEvenResolved() {
        var resolver = new Rebinding();
        PlatformHttp http = http(resolver);
        for (String address : List.of("http://lms.example/", "https://127.0.0.1/", "https://localhost/")) {
            assertThatExceptionOfType(UnacceptableAddressException.class)
                    .isThrownBy(() -> http.to(URI.create(address), false));
        }
        assertThat(resolver.asked).hasValue(0);
    }

    @Test
    void everyPoolHasItsMeters() throws IOException {
        var meters = new SimpleMeterRegistry();
        PlatformHttp http = http(new Rebinding(), meters);
        PlatformHttp.Clients services = http.clients("lti-services", Duration.ofSeconds(5), 2, 1000);
        try (var silent = new ServerSocket(0, 5, InetAddress.getLoopbackAddress())) {
            URI address = URI.create("http://127.0.0.1:" + silent.getLocalPort() + "/");
            List<Disposable> waiting = IntStream.range(0, 3)
                    .mapToObj(i -> services.to(address, true)
                            .get()
                            .uri(address)
                            .retrieve()
                            .toBodilessEntity()
                            .subscribe(answer -> {}, failure -> {}))
                    .toList();
            Awaitility.await().atMost(Duration.ofSeconds(10)).untilAsserted(() -> {
                assertThat(gauge(meters, "acquired", "lti-services")).isEqualTo(2);
                assertThat(gauge(meters, "pending", "lti-services")).isEqualTo(1);
                assertThat(gauge(meters, "hosts", "lti-services")).isEqualTo(1);
            });
            assertThat(gauge(meters, "acquired", "lti-platforms")).isZero();
            waiting.forEach(Disposable::dispose);
            Awaitility.await()
                    .atMost(Duration.ofSeconds(10))
                    .untilAsserted(() -> assertThat(gauge(meters, "acquired", "lti-services"))
                            .isZero());
        }
        http.close();
    }

    private static double gauge(MeterRegistry meters, String name, String pool) {
        return meters.get("lectern.lti.pool." + name).tag("pool", pool).gauge().value();
    }

    private static PlatformHttp http(AddressResolverGroup<?> resolver) {
        return http(resolver, new SimpleMeterRegistry());
    }

    private static PlatformHttp http(AddressResolverGroup<?> resolver, MeterRegistry meters) {
        LtiProperties properties = new Binder(
                        new MapConfigurationPropertySource(Map.of("lectern.lti.jwks.timeout", "2s")))
                .bindOrCreate("lectern.lti", LtiProperties.class);
        var beans = new StaticListableBeanFactory(Map.of("resolver", resolver));
        var loops = new ReactorResourceFactory();
        loops.afterPropertiesSet();
        return new PlatformHttp(
                properties,
                loops,
                beans.getBeanProvider(org.springframework.core.ResolvableType.forClassWithGenerics(
                        AddressResolverGroup.class, InetSocketAddress.class)),
                meters);
    }

    /** Whatever is asked for is a public address the first time and this machine from then on. */
    private static final class Rebinding extends AddressResolverGroup<InetSocketAddress> {

        private final AtomicInteger asked = new AtomicInteger();

        @Override
        protected AddressResolver<InetSocketAddress> newResolver(EventExecutor executor) {
            return new AbstractAddressResolver<>(executor, InetSocketAddress.class) {
                @Override
                protected boolean doIsResolved(InetSocketAddress address) {
                    return !address.isUnresolved();
                }

                @Override
                protected void doResolve(InetSocketAddress unresolved, Promise<InetSocketAddress> promise) {
                    promise.setSuccess(resolved(unresolved));
                }

                @Override
                protected void doResolveAll(InetSocketAddress unresolved, Promise<List<InetSocketAddress>> promise) {
                    promise.setSuccess(List.of(resolved(unresolved)));
                }
            };
        }

        private InetSocketAddress resolved(InetSocketAddress unresolved) {
            try {
                // TEST-NET-1 answers nobody: the first connection times out, as one to a dead platform does.
                byte[] address =
                        asked.getAndIncrement() == 0 ? new byte[] {(byte) 192, 0, 2, 1} : new byte[] {127, 0, 0, 1};
                return new InetSocketAddress(
                        InetAddress.getByAddress(unresolved.getHostString(), address), unresolved.getPort());
            } catch (UnknownHostException e) {
                throw new IllegalStateException(e);
            }
        }
    }
}
