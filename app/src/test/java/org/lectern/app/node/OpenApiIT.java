package org.lectern.app.node;

import static org.assertj.core.api.Assertions.assertThat;

import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.web.server.LocalServerPort;
import org.springframework.context.ApplicationContext;
import org.springframework.test.web.reactive.server.WebTestClient;
import org.springframework.web.reactive.result.method.RequestMappingInfo;
import org.springframework.web.reactive.result.method.annotation.RequestMappingHandlerMapping;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The description at /v3/api-docs covers every controller route of the API, with words. */
@WholeNode
class OpenApiIT {

    @LocalServerPort
    private int port;

    @Autowired
    private ApplicationContext node;

    private JsonNode api = JsonMapper.shared().createObjectNode();

    @BeforeEach
    void read() {
        String text = WebTestClient.bindToServer()
                .baseUrl("http://127.0.0.1:" + port)
                .responseTimeout(Duration.ofSeconds(60))
                .codecs(codecs -> codecs.defaultCodecs().maxInMemorySize(4 << 20))
                .build()
                .get()
                .uri("/v3/api-docs")
                .exchange()
                .expectStatus()
                .isOk()
                .expectBody(String.class)
                .returnResult()
                .getResponseBody();
        api = JsonMapper.shared().readTree(Objects.requireNonNull(text));
    }

    @Test
    void everyControllerRouteOfTheApiIsDescribed() {
        Set<String> missing = new TreeSet<>();
        for (String route : controllerRoutes()) {
            String[] parts = route.split(" ", -1);
            if (api.path("paths")
                    .path(parts[1])
                    .path(parts[0].toLowerCase(Locale.ROOT))
                    .isMissingNode()) {
                missing.add(route);
            }
        }
        assertThat(controllerRoutes()).isNotEmpty();
        assertThat(missing).isEmpty();
    }

    @Test
    void everyOperationHasWordsAProblemAndItsSecurity() {
        List<String> silent = new ArrayList<>();
        api.path("paths")
                .properties()
                .forEach(path -> path.getValue().properties().forEach(method -> {
                    JsonNode operation = method.getValue();
                    String name = method.getKey() + " " + path.getKey();
                    if (operation.path("summary").asString("").isBlank()
                            && operation.path("description").asString("").isBlank()) {
                        silent.add(name);
                    }
                    assertThat(operation
                                    .at("/responses/default/content/application~1problem+json/schema/$ref")
                                    .asString(""))
                            .as(name)
                            .isEqualTo("#/components/schemas/Problem");
                    boolean api =
                            path.getKey().startsWith("/api/") || path.getKey().startsWith("/xapi/");
                    boolean open = !api || name.equals("post /api/session");
                    assertThat(operation.path("security").isEmpty()).as(name).isEqualTo(open);
                }));
        assertThat(silent)
                .as("operations without summary or description: write Javadoc on the method")
                .isEmpty();
    }

    @Test
    void itSaysWhatItIsAndHowToSignIn() {
        assertThat(api.at("/info/title").asString()).isEqualTo("Lectern");
        assertThat(api.at("/info/version").asString()).isNotBlank();
        assertThat(api.at("/components/securitySchemes/session/scheme").asString())
                .isEqualTo("bearer");
    }

    @Test
    void namesAreThoseOfTheWire() {
        assertThat(api.at("/components/schemas/Problem/properties").propertyNames())
                .contains("trace_id");
        api.at("/components/schemas")
                .properties()
                .forEach(schema -> assertThat(
                                schema.getValue().path("properties").propertyNames())
                        .as(schema.getKey())
                        .allMatch(name -> name.equals(name.toLowerCase(Locale.ROOT))));
    }

    private Set<String> controllerRoutes() {
        Set<String> routes = new TreeSet<>();
        var mapping = node.getBean("requestMappingHandlerMapping", RequestMappingHandlerMapping.class);
        for (RequestMappingInfo info : mapping.getHandlerMethods().keySet()) {
            info.getPatternsCondition()
                    .getPatterns()
                    .forEach(path -> info.getMethodsCondition().getMethods().forEach(method -> {
                        String text = path.getPatternString();
                        if (text.startsWith("/api/") || text.startsWith("/xapi/")) {
                            routes.add(method + " " + text);
                        }
                    }));
        }
        return routes;
    }
}
