package org.lectern.app.problem;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.lectern.infra.problem.ProblemType;

/** docs/problems.md lists every type of problem; written anew with {@code -Ddocs=write}. */
class ProblemsDocumentTest {

    private static final Path DOCUMENT = Path.of("../docs/problems.md");

    @Test
    void documentListsEveryType() throws IOException {
        var text = new StringBuilder("""
                # Problems

                Every error of every route is an RFC 9457 problem document (`application/problem+json`) with `type`, `title`,
                `status`, `detail`, `instance` (the path, without its query), `trace_id` (leads to the request in logs and
                traces) and, for a request that is not valid, `errors` (`field`, `message`). Clients decide by `type`; it never
                changes its meaning. Where `Retry-After` is sent, the same request may succeed later.

                | type | status | title |
                |---|---|---|
                """);
        for (ProblemType type : ProblemType.values()) {
            text.append("| `%s` | %d | %s |%n".formatted(type.uri(), type.status(), type.title()));
        }
        text.append("\nThis page is made from `ProblemType` by `ProblemsDocumentTest`; a test fails when it drifts.\n");
        if ("write".equals(System.getProperty("docs"))) {
            Files.writeString(DOCUMENT, text);
        }
        assertThat(Files.readString(DOCUMENT)).isEqualTo(text.toString());
    }
}
