package org.lectern.app.edge;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import com.sun.net.httpserver.HttpServer;
import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.net.InetAddress;
import java.net.InetSocketAddress;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.Test;
import org.lectern.infra.cache.CacheKind;
import org.lectern.infra.cache.CacheSettings;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.http.ResponseCookie;
import org.springframework.mock.http.server.reactive.MockServerHttpRequest;
import org.springframework.mock.web.server.MockServerWebExchange;

/** What a CDN in front is told to keep, and to forget. */
class EdgeFilterTest {

    private static final Duration PATIENCE = Duration.ofSeconds(30);

    @Test
    void whatIsTheSameForEverybodyMayBeKeptUnderItsTags() {
        HttpHeaders headers = answer("/js/api.js", "no-cache, no-store", HttpStatus.OK, true);
        assertThat(headers.getCacheControl()).isEqualTo("public, no-cache");
        assertThat(headers.getFirst(EdgeFilter.CDN_CACHE_CONTROL)).isEqualTo("max-age=3600, stale-while-revalidate=60");
        assertThat(headers.getFirst(EdgeFilter.SURROGATE_CONTROL)).isEqualTo("max-age=3600, stale-while-revalidate=60");
        assertThat(headers.getFirst(EdgeFilter.SURROGATE_KEY)).isEqualTo("static assets");
        assertThat(headers.getFirst(EdgeFilter.CACHE_TAG)).isEqualTo("static,assets");
        assertThat(headers.getVary()).contains("Accept-Encoding");
    }

    @Test
    void aRouteMaySayHowLongItself() {
        HttpHeaders headers = answer("/.well-known/jwks.json", "max-age=600, public", HttpStatus.OK, true);
        assertThat(headers.getCacheControl()).isEqualTo("max-age=600, public");
        assertThat(headers.getFirst(EdgeFilter.CDN_CACHE_CONTROL)).isNull();
        assertThat(headers.getFirst(EdgeFilter.SURROGATE_KEY)).isEqualTo("static keys");
    }

    @Test
    void anAnswerToSomebodyIsNeverEverybodysWhateverItsRouteSaid() {
        for (String path : List.of("/api/video", "/api/chat/rooms/x/messages", "/media/a/b", "/lti/launch", "/")) {
            for (String said : List.of("public, max-age=600", "max-age=0, s-maxage=60", "max-age=60, public")) {
                HttpHeaders headers = answer(path, said, HttpStatus.OK, true);
                assertThat(headers.getCacheControl()).as(path).isEqualTo("private, no-store");
                assertThat(headers.getFirst(EdgeFilter.SURROGATE_KEY)).isNull();
                assertThat(headers.getFirst(EdgeFilter.CDN_CACHE_CONTROL)).isNull();
            }
        }
        assertThat(answer("/api/video", "private, max-age=60", HttpStatus.OK, true)
                        .getCacheControl())
                .isEqualTo("private, max-age=60");
    }

    @Test
    void whatIsMissingOrIsNotReadIsNotKept() {
        assertThat(answer("/js/none.js", "public", HttpStatus.NOT_FOUND, true).getCacheControl())
                .isEqualTo("private, no-store");
        assertThat(answer("/js/api.js", "public", HttpStatus.OK, false).getCacheControl())
                .isEqualTo("private, no-store");
    }

    @Test
    void whatComesWithACookieIsSomebodys() {
        MockServerWebExchange exchange = MockServerWebExchange.from(MockServerHttpRequest.get("/js/api.js"));
        new EdgeFilter(cache())
                .filter(exchange, answering -> {
                    answering.getResponse().getHeaders().setCacheControl("public");
                    answering
                            .getResponse()
                            .addCookie(ResponseCookie.from("session", "x").build());
                    return answering.getResponse().setComplete();
                })
                .block(PATIENCE);
        HttpHeaders headers = exchange.getResponse().getHeaders();
        assertThat(headers.getCacheControl()).isEqualTo("private, no-store");
        assertThat(headers.getFirst(EdgeFilter.SURROGATE_KEY)).isNull();
    }

    @Test
    void theCdnIsToldToForgetByTag() throws IOException {
        List<String> heard = Collections.synchronizedList(new ArrayList<>());
        HttpServer cdn = HttpServer.create(new InetSocketAddress(InetAddress.getLoopbackAddress(), 0), 0);
        cdn.createContext("/purge", exchange -> {
            String body = new String(exchange.getRequestBody().readAllBytes(), StandardCharsets.UTF_8);
            heard.add(exchange.getRequestHeaders().getFirst("Surrogate-Key") + " "
                    + exchange.getRequestHeaders().getFirst("Fastly-Key") + " " + body);
            // It fails once, and is asked again.
            exchange.sendResponseHeaders(heard.size() == 1 ? 500 : 200, -1);
            exchange.close();
        });
        cdn.createContext("/never", exchange -> {
            exchange.sendResponseHeaders(403, -1);
            exchange.close();
        });
        cdn.start();
        try {
            String base = "http://127.0.0.1:" + cdn.getAddress().getPort();
            assertThat(purge(URI.create(base + "/purge"))).isTrue();
            assertThat(heard)
                    .hasSize(2)
                    .containsOnly("assets registration secret {\"tags\":[\"assets\",\"registration\"]}");
            assertThatThrownBy(() -> purge(URI.create(base + "/never"))).isInstanceOf(RuntimeException.class);
            assertThat(purge(null)).isFalse();
        } finally {
            cdn.stop(0);
        }
    }

    private static @Nullable Boolean purge(@Nullable URI address) {
        CdnSettings settings = new CdnSettings(address, "secret", "Fastly-Key", PATIENCE);
        assertThat(settings.toString()).doesNotContain("secret");
        return new EdgePurge(settings, new SimpleMeterRegistry())
                .purge(List.of("assets", "registration"))
                .block(PATIENCE);
    }

    private static HttpHeaders answer(String path, String cacheControl, HttpStatus status, boolean get) {
        MockServerWebExchange exchange =
                MockServerWebExchange.from(get ? MockServerHttpRequest.get(path) : MockServerHttpRequest.post(path));
        new EdgeFilter(cache())
                .filter(exchange, answering -> {
                    answering.getResponse().setStatusCode(status);
                    answering.getResponse().getHeaders().setCacheControl(cacheControl);
                    return answering.getResponse().setComplete();
                })
                .block(PATIENCE);
        return exchange.getResponse().getHeaders();
    }

    private static CacheSettings cache() {
        Duration unused = Duration.ofSeconds(1);
        return new CacheSettings(
                1,
                Map.of(),
                unused,
                Map.of(CacheKind.STATIC, Duration.ofHours(1)),
                unused,
                unused,
                unused,
                unused,
                unused,
                1,
                unused,
                unused,
                1);
    }
}
