package org.lectern.app.node;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.jspecify.annotations.Nullable;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.context.ApplicationContext;
import org.springframework.http.HttpHeaders;
import org.springframework.test.web.reactive.server.WebTestClient;

/** What a whole node lets a CDN in front keep. */
@WholeNode
class EdgeCacheIT {

    private static final List<String> KEPT =
            List.of("/js/api.js", "/css/lectern.css", "/favicon.svg", "/.well-known/jwks.json");

    @LocalServerPort
    private int port;

    @Autowired
    private ApplicationContext node;

    @SuppressWarnings("NullAway.Init") // set before each test
    private WebTestClient http;

    @BeforeEach
    void connect() {
        http = WebTestClient.bindToServer()
                .baseUrl("http://127.0.0.1:" + port)
                .responseTimeout(Duration.ofSeconds(60))
                .build();
    }

    @Test
    void whatIsTheSameForEverybodyIsTaggedAndNotSentTwice() {
        for (String path : KEPT) {
            HttpHeaders headers = get(path, null, 200);
            String tag = Objects.requireNonNull(headers.getETag(), path);
            assertThat(headers.getCacheControl()).as(path).contains("public");
            assertThat(headers.getFirst("Surrogate-Key")).as(path).startsWith("static ");
            assertThat(headers.getVary()).as(path).contains("Accept-Encoding");
            HttpHeaders again = get(path, tag, 304);
            assertThat(again.getETag()).isEqualTo(tag);
            assertThat(again.getFirst("Surrogate-Key")).isEqualTo(headers.getFirst("Surrogate-Key"));
            get(path, "\"another\"", 200);
        }
        assertThat(get("/js/api.js", null, 200).getFirst("CDN-Cache-Control")).startsWith("max-age=86400");
    }

    @Test
    void nothingElseIsPublic() {
        Set<String> kept = new TreeSet<>();
        for (String route : Routes.of(node)) {
            String path = route.substring(route.indexOf(' ') + 1);
            if (!path.contains("*") && !path.contains("{") && !KEPT.contains(path)) {
                HttpHeaders headers = get(path, null, 0);
                String said = headers.getCacheControl();
                boolean open = said != null && (said.contains("public") || said.contains("s-maxage"));
                if (open || headers.containsHeader("Surrogate-Key") || headers.containsHeader("CDN-Cache-Control")) {
                    kept.add(path + ": " + said);
                }
            }
        }
        assertThat(kept).isEmpty();
    }

    private HttpHeaders get(String path, @Nullable String tag, int status) {
        var answer = http.get()
                .uri(path)
                .headers(headers -> {
                    if (tag != null) {
                        headers.setIfNoneMatch(tag);
                    }
                })
                .exchange()
                .returnResult(byte[].class);
        answer.getResponseBody().blockLast(Duration.ofSeconds(60));
        if (status > 0) {
            assertThat(answer.getStatus().value()).as(path).isEqualTo(status);
        }
        return answer.getResponseHeaders();
    }
}
