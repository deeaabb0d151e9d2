package org.lectern.app.logs;

import static org.assertj.core.api.Assertions.assertThat;

import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.extension.ExtendWith;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.slf4j.LoggerFactory;
import org.slf4j.MDC;
import org.springframework.boot.WebApplicationType;
import org.springframework.boot.builder.SpringApplicationBuilder;
import org.springframework.boot.test.system.CapturedOutput;
import org.springframework.boot.test.system.OutputCaptureExtension;
import tools.jackson.databind.json.JsonMapper;

@ExtendWith(OutputCaptureExtension.class)
class LogsTest {

    private static final String SECRET = "s3cr3t-._~";

    @ParameterizedTest
    @ValueSource(
            strings = {
                "GET /ws/chat/1?ticket=%s&since=4",
                "303 to /launch?code=%s",
                "form id_token=%s&state=1",
                "Authorization: Bearer %s",
                "https://a.b/c?access_token=%s#x"
            })
    void secretsAreStruckOutAndTheRestStays(String line) {
        String written = Redaction.strike(line.formatted(SECRET));
        assertThat(written).doesNotContain(SECRET).contains("***").contains(line.substring(0, 4));
    }

    @Test
    void signedTokensAreStruckOut() {
        assertThat(Redaction.strike("got eyJhbGciOiJSUzI1NiJ9.eyJzdWIiOiIxIn0.c2ln from it"))
                .isEqualTo("got eyJ*** from it");
    }

    @Test
    void ordinaryWordsStay() {
        assertThat(Redaction.strike("decode 3 tickets, state is open, code 200"))
                .isEqualTo("decode 3 tickets, state is open, code 200");
    }

    @Test
    void theConsoleIsForPeopleWithTraceAndWithoutSecrets(CapturedOutput output) {
        String line = logged(output);
        assertThat(line)
                .contains("4bf92f3577b34da6a3ce929d0e0e4736", "ticket=***")
                .doesNotContain(SECRET);
        assertThat(output.getAll()).doesNotContain(SECRET).contains("IllegalStateException");
    }

    @Test
    void jsonIsForMachinesWithTraceAndWithoutSecrets(CapturedOutput output) {
        var json = JsonMapper.builder().build().readTree(logged(output, "--lectern.logs=ecs"));
        assertThat(json.path("message").asString()).isEqualTo("socket ticket=***");
        assertThat(json.path("traceId").asString("")).isEqualTo("4bf92f3577b34da6a3ce929d0e0e4736");
        assertThat(json.path("error").path("stack_trace").asString("")).contains("token=***");
        assertThat(output.getAll()).doesNotContain(SECRET);
    }

    private static String logged(CapturedOutput output, String... arguments) {
        try (var context = new SpringApplicationBuilder(Nothing.class)
                        .web(WebApplicationType.NONE)
                        .initializers()
                        .run(withoutServices(arguments));
                var trace = MDC.putCloseable("traceId", "4bf92f3577b34da6a3ce929d0e0e4736")) {
            assertThat(context.isActive()).isTrue();
            assertThat(trace).isNotNull();
            LoggerFactory.getLogger("test.logs")
                    .warn("socket ticket={}", SECRET, new IllegalStateException("token=" + SECRET));
        }
        return output.getAll()
                .lines()
                .filter(line -> line.contains("socket "))
                .findFirst()
                .orElseThrow();
    }

    private static String[] withoutServices(String... arguments) {
        String[] all = java.util.Arrays.copyOf(arguments, arguments.length + 1);
        all[arguments.length] = "--lectern.embedded.enabled=false";
        return all;
    }

    static class Nothing {}
}
