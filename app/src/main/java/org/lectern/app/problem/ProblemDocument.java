package org.lectern.app.problem;

import com.fasterxml.jackson.annotation.JsonInclude;
import io.swagger.v3.oas.annotations.media.Schema;
import java.net.URI;
import java.util.List;
import org.jspecify.annotations.Nullable;

/**
 * An RFC 9457 problem document as it goes over the wire.
 *
 * @param type stable identifier of the kind of problem
 * @param title what the kind means, the same for every occurrence
 * @param status HTTP status, repeated
 * @param detail what went wrong here
 * @param instance path of the request, without its query
 * @param traceId leads to this request in logs and traces
 * @param errors what is wrong with which field, where that is known
 */
@Schema(name = "Problem", description = "An RFC 9457 problem document; every error of every route is one")
@JsonInclude(JsonInclude.Include.NON_EMPTY)
public record ProblemDocument(
        @Schema(description = "Stable identifier of the kind of problem", example = "urn:lectern:problem:not-found")
        URI type,

        @Schema(description = "What the kind means, the same for every occurrence")
        String title,

        @Schema(description = "HTTP status, repeated") int status,

        @Schema(description = "What went wrong here and what to do")
        String detail,

        @Schema(description = "Path of the request, without its query")
        String instance,

        @Schema(description = "Leads to this request in logs and traces") @Nullable
        String traceId,

        @Schema(description = "What is wrong with which field, where that is known")
        List<Violation> errors) {

    /**
     * One field that is wrong.
     *
     * @param field its path in the request
     * @param message what is wrong with it
     */
    public record Violation(String field, String message) {}
}
