package org.lectern.app.problem;

import io.r2dbc.spi.R2dbcNonTransientResourceException;
import io.r2dbc.spi.R2dbcTransientException;
import jakarta.validation.ConstraintViolationException;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.concurrent.TimeoutException;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.lectern.app.problem.Problem.Violation;
import org.lectern.infra.batching.QueueFullException;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.springframework.core.codec.CodecException;
import org.springframework.core.io.buffer.DataBufferLimitException;
import org.springframework.dao.DataAccessResourceFailureException;
import org.springframework.dao.TransientDataAccessException;
import org.springframework.http.HttpHeaders;
import org.springframework.security.access.AccessDeniedException;
import org.springframework.security.core.AuthenticationException;
import org.springframework.validation.method.ParameterErrors;
import org.springframework.web.ErrorResponse;
import org.springframework.web.bind.support.WebExchangeBindException;
import org.springframework.web.method.annotation.HandlerMethodValidationException;
import org.springframework.web.server.MethodNotAllowedException;
import org.springframework.web.server.MissingRequestValueException;
import org.springframework.web.server.NotAcceptableStatusException;
import org.springframework.web.server.ResponseStatusException;
import org.springframework.web.server.ServerWebInputException;
import org.springframework.web.server.UnsupportedMediaTypeStatusException;
import tools.jackson.core.exc.StreamReadException;
import tools.jackson.databind.DatabindException;

/**
 * Says which problem an exception is. What is not known here is {@link ProblemType#INTERNAL}, and its message never
 * reaches the client.
 */
final class ProblemTranslator {

    private static final Duration SOON = Duration.ofSeconds(5);

    /** Depth to which causes are followed; a guard against chains that loop. */
    private static final int MAX_CAUSES = 12;

    private ProblemTranslator() {}

    static Problem translate(Throwable error) {
        // The first cause that is known decides: operators of Reactor and codecs wrap what was thrown.
        Throwable cause = error;
        for (int depth = 0; cause != null && depth < MAX_CAUSES; depth++) {
            Problem problem = known(cause);
            if (problem != null) {
                return problem;
            }
            cause = cause.getCause();
        }
        return Problem.of(ProblemType.INTERNAL, "The request failed; the trace id tells us why");
    }

    private static @Nullable Problem known(Throwable error) {
        return switch (error) {
            case ProblemException problem ->
                new Problem(
                        problem.type(),
                        problem.detail(),
                        problem.retryAfter().orElse(null),
                        challenge(problem.type()),
                        List.of());
            case DataBufferLimitException unused -> tooLarge();
            case WebExchangeBindException bind -> invalid(bind);
            case HandlerMethodValidationException validation -> invalid(validation);
            case ConstraintViolationException violations ->
                invalid(violations.getConstraintViolations().stream()
                        .map(one -> new Violation(one.getPropertyPath().toString(), one.getMessage()))
                        .toList());
            case ServerWebInputException input -> input(input);
            case MethodNotAllowedException method ->
                withHeaders(
                        ProblemType.METHOD_NOT_ALLOWED,
                        method.getHttpMethod() + " is not possible here",
                        method.getHeaders());
            case UnsupportedMediaTypeStatusException media ->
                withHeaders(
                        ProblemType.UNSUPPORTED_MEDIA_TYPE,
                        "Send one of: " + join(media.getSupportedMediaTypes()),
                        media.getHeaders());
            case NotAcceptableStatusException media ->
                Problem.of(ProblemType.NOT_ACCEPTABLE, "Available are: " + join(media.getSupportedMediaTypes()));
            case ResponseStatusException status -> status(status, status.getReason());
            case AuthenticationException unused ->
                new Problem(
                        ProblemType.UNAUTHENTICATED,
                        "Launch again from your course to get a new session",
                        null,
                        challenge(ProblemType.UNAUTHENTICATED),
                        List.of());
            case AccessDeniedException unused ->
                Problem.of(ProblemType.FORBIDDEN, "The roles of this session do not permit this");
            case ErrorResponse response -> status(response, null);
            case TimeoutException unused ->
                Problem.later(ProblemType.UNAVAILABLE, "The answer took too long; try again", SOON);
            case QueueFullException unused ->
                Problem.later(ProblemType.TRY_LATER, "Too many ask for this just now; try again", SOON);
            case TransientDataAccessException unused -> unavailable();
            case DataAccessResourceFailureException unused -> unavailable();
            case R2dbcTransientException unused -> unavailable();
            case R2dbcNonTransientResourceException unused -> unavailable();
            default -> null;
        };
    }

    private static Problem input(ServerWebInputException input) {
        Throwable cause = input.getCause();
        for (int depth = 0; cause != null && depth < MAX_CAUSES; depth++, cause = cause.getCause()) {
            if (cause instanceof DataBufferLimitException) {
                return tooLarge();
            }
            if (cause instanceof ProblemException problem) {
                return Problem.of(problem.type(), problem.detail());
            }
            if (cause instanceof StreamReadException) {
                return Problem.of(ProblemType.INVALID_REQUEST, "The body is not well-formed JSON");
            }
            if (cause instanceof DatabindException databind) {
                return databind(databind);
            }
        }
        if (input instanceof MissingRequestValueException missing) {
            return Problem.of(
                    ProblemType.INVALID_REQUEST, "A value is missing: " + missing.getLabel() + " " + missing.getName());
        }
        var parameter = input.getMethodParameter();
        if (input.getCause() instanceof CodecException || parameter == null) {
            return Problem.of(ProblemType.INVALID_REQUEST, "The body cannot be read");
        }
        String name = parameter.getParameterName();
        return input.getCause() == null
                ? Problem.of(ProblemType.INVALID_REQUEST, "A body is needed")
                : Problem.of(
                        ProblemType.INVALID_REQUEST,
                        "The value of " + (name == null ? "a parameter" : name) + " is not valid");
    }

    private static Problem databind(DatabindException databind) {
        String path = databind.getPath().stream()
                .map(step -> step.getPropertyName() == null ? "[" + step.getIndex() + "]" : step.getPropertyName())
                .collect(Collectors.joining("."));
        return path.isEmpty()
                ? Problem.of(ProblemType.INVALID_REQUEST, "The body does not have the form this needs")
                : invalid(List.of(new Violation(path, "is missing or has the wrong form")));
    }

    private static Problem invalid(WebExchangeBindException bind) {
        return invalid(bind.getFieldErrors().stream()
                .map(one -> new Violation(one.getField(), text(one.getDefaultMessage())))
                .toList());
    }

    private static Problem invalid(HandlerMethodValidationException validation) {
        return invalid(validation.getParameterValidationResults().stream()
                .flatMap(result -> result instanceof ParameterErrors errors
                        ? errors.getFieldErrors().stream()
                                .map(one -> new Violation(one.getField(), text(one.getDefaultMessage())))
                        : result.getResolvableErrors().stream()
                                .map(one -> new Violation(
                                        text(result.getMethodParameter().getParameterName()),
                                        text(one.getDefaultMessage()))))
                .toList());
    }

    private static Problem invalid(List<Violation> violations) {
        String detail = violations.isEmpty()
                ? "The request is not valid"
                : violations.stream()
                        .map(one -> one.field() + " " + one.message())
                        .sorted()
                        .collect(Collectors.joining("; "));
        return new Problem(ProblemType.INVALID_REQUEST, detail, null, Map.of(), violations);
    }

    private static Problem status(ErrorResponse response, @Nullable String reason) {
        ProblemType type = type(response.getStatusCode().value());
        // The reason of a server error may describe our inside.
        String detail = reason == null || type.status() >= 500 ? type.title() : reason;
        return withHeaders(type, detail, response.getHeaders());
    }

    private static ProblemType type(int status) {
        return switch (status) {
            case 401 -> ProblemType.UNAUTHENTICATED;
            case 403 -> ProblemType.FORBIDDEN;
            case 404 -> ProblemType.NOT_FOUND;
            case 405 -> ProblemType.METHOD_NOT_ALLOWED;
            case 406 -> ProblemType.NOT_ACCEPTABLE;
            case 409 -> ProblemType.CONFLICT;
            case 410 -> ProblemType.GONE;
            case 412, 428 -> ProblemType.PRECONDITION_FAILED;
            case 413 -> ProblemType.TOO_LARGE;
            case 415 -> ProblemType.UNSUPPORTED_MEDIA_TYPE;
            case 422 -> ProblemType.UNPROCESSABLE;
            case 429 -> ProblemType.RATE_LIMITED;
            case 503, 504 -> ProblemType.UNAVAILABLE;
            default -> status < 500 ? ProblemType.INVALID_REQUEST : ProblemType.INTERNAL;
        };
    }

    private static Problem withHeaders(ProblemType type, String detail, HttpHeaders headers) {
        Map<String, String> kept = headers.headerNames().stream()
                .filter(name -> !name.equalsIgnoreCase(HttpHeaders.CONTENT_TYPE))
                .collect(Collectors.toMap(name -> name, name -> String.join(", ", headers.getValuesAsList(name))));
        return new Problem(type, detail, null, kept, List.of());
    }

    private static Problem tooLarge() {
        return Problem.of(ProblemType.TOO_LARGE, "The body is larger than this accepts");
    }

    private static Problem unavailable() {
        return Problem.later(ProblemType.UNAVAILABLE, "The data is not reachable just now; try again", SOON);
    }

    private static Map<String, String> challenge(ProblemType type) {
        return type == ProblemType.UNAUTHENTICATED ? Map.of(HttpHeaders.WWW_AUTHENTICATE, "Bearer") : Map.of();
    }

    private static String join(List<?> values) {
        return values.stream().map(Object::toString).collect(Collectors.joining(", "));
    }

    private static String text(@Nullable String value) {
        return value == null ? "is not valid" : value;
    }
}
