package org.lectern.app.node;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.test.web.reactive.server.WebTestClient;

/** What operators look at, on a whole node. */
@WholeNode
class ObservabilityIT {

    @LocalServerPort
    private int port;

    private WebTestClient client = WebTestClient.bindToServer().build();

    @BeforeEach
    void connect() {
        client = WebTestClient.bindToServer()
                .baseUrl("http://127.0.0.1:" + port)
                .responseTimeout(Duration.ofSeconds(30))
                .codecs(codecs -> codecs.defaultCodecs().maxInMemorySize(4 << 20))
                .build();
    }

    @Test
    void aWholeNodeIsAliveAndReady() {
        for (String probe : List.of("liveness", "readiness")) {
            client.get()
                    .uri("/actuator/health/" + probe)
                    .exchange()
                    .expectStatus()
                    .isOk()
                    .expectBody()
                    .jsonPath("$.status")
                    .isEqualTo("UP");
        }
    }

    @Test
    void healthTellsStrangersNothingButTheStatus() {
        client.get()
                .uri("/actuator/health")
                .exchange()
                .expectBody(String.class)
                .value(text -> assertThat(text).doesNotContain("127.0.0.1", "jdbc", "details"));
    }

    @Test
    void metricsCarryTheRolesAndHistogramsOfRequests() {
        client.get().uri("/actuator/info").exchange().expectStatus().isOk();
        client.get()
                .uri("/actuator/prometheus")
                .exchange()
                .expectStatus()
                .isOk()
                .expectBody(String.class)
                .value(text -> {
                    assertThat(text).contains("http_server_requests_seconds_bucket", "lectern_");
                    assertThat(text.lines().filter(line -> !line.startsWith("#") && !line.isBlank()))
                            .allMatch(line -> line.contains("roles=\"web+chat+video+analytics\""));
                });
    }

    @Test
    void onlyWhatIsMeantForTheOutsideIsExposed() {
        for (String endpoint :
                List.of("env", "beans", "heapdump", "configprops", "shutdown", "loggers", "mappings", "threaddump")) {
            client.get()
                    .uri("/actuator/" + endpoint)
                    .exchange()
                    .expectStatus()
                    .value(status -> assertThat(status).as(endpoint).isIn(401, 403, 404));
        }
    }
}
