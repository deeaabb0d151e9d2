package org.lectern.app.problem;

import java.time.Duration;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.problem.ProblemType;

/**
 * A fault as the client will see it.
 *
 * @param type the kind of problem
 * @param detail what this occurrence is about; already free of anything internal
 * @param retryAfter when to come again, where known
 * @param headers further response headers, such as {@code Allow}
 * @param violations what is wrong with which field
 */
record Problem(
        ProblemType type,
        String detail,
        @Nullable Duration retryAfter,
        Map<String, String> headers,
        List<Violation> violations) {

    Problem {
        headers = Map.copyOf(headers);
        violations = List.copyOf(violations);
    }

    static Problem of(ProblemType type, String detail) {
        return new Problem(type, detail, null, Map.of(), List.of());
    }

    static Problem later(ProblemType type, String detail, Duration retryAfter) {
        return new Problem(type, detail, retryAfter, Map.of(), List.of());
    }

    /**
     * One field that is wrong.
     *
     * @param field its path in the request, in wire names
     * @param message what is wrong with it
     */
    record Violation(String field, String message) {}
}
