package org.lectern.video.upload;

import java.time.Instant;
import java.time.ZoneOffset;
import java.time.format.DateTimeFormatter;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.LaunchSession;
import org.lectern.video.VideoAccess;
import org.lectern.video.VideoSettings;
import org.lectern.video.library.Deletion;
import org.lectern.video.upload.TusRequest.Checksum;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpStatus;
import org.springframework.http.server.reactive.ServerHttpRequest;
import org.springframework.http.server.reactive.ServerHttpResponse;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.PatchMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestMethod;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;

/**
 * The tus protocol, version 1.0.0, with creation, creation-with-upload, termination, checksum, expiration and
 * concatenation (https://tus.io/protocols/resumable-upload). Staff only; course and person come from the session.
 */
@RestController
@RequestMapping("/api/video/upload")
@ConditionalOnRole(NodeRole.WEB)
class TusController {

    private final Uploads uploads;
    private final Deletion deletion;
    private final VideoSettings settings;

    TusController(Uploads uploads, Deletion deletion, VideoSettings settings) {
        this.uploads = uploads;
        this.deletion = deletion;
        this.settings = settings;
    }

    /** What this server can do. */
    @RequestMapping(
            path = {"", "/{id}"},
            method = RequestMethod.OPTIONS)
    Mono<Void> options(ServerHttpResponse response) {
        HttpHeaders headers = response.getHeaders();
        headers.set(Tus.RESUMABLE, TusRequest.VERSION);
        headers.set(Tus.VERSION, TusRequest.VERSION);
        headers.set(Tus.EXTENSION, Tus.EXTENSIONS);
        headers.set(Tus.MAX_SIZE, Long.toString(settings.maxUpload().toBytes()));
        headers.set(Tus.CHECKSUM_ALGORITHM, Tus.CHECKSUM_ALGORITHMS);
        return empty(response, HttpStatus.NO_CONTENT);
    }

    /** Creation, with a first part of the bytes where the client sends one. */
    @PostMapping
    Mono<Void> create(
            @AuthenticationPrincipal LaunchSession session, ServerHttpRequest request, ServerHttpResponse response) {
        admit(session, request, response);
        HttpHeaders headers = request.getHeaders();
        TusRequest.Concat concat = TusRequest.concat(headers.getFirst(Tus.UPLOAD_CONCAT));
        if (concat instanceof TusRequest.Concat.Whole whole) {
            return uploads.concatenate(session, whole.header(), whole.parts(), headers.getFirst(Tus.UPLOAD_METADATA))
                    .flatMap(upload -> {
                        response.getHeaders().set(HttpHeaders.LOCATION, TusRequest.PATH + upload.id());
                        return empty(response, HttpStatus.CREATED);
                    });
        }
        if (headers.getFirst(Tus.UPLOAD_DEFER_LENGTH) != null) {
            throw new ProblemException(ProblemType.INVALID_REQUEST, "The length must be known from the beginning");
        }
        long length = TusRequest.bytes(Tus.UPLOAD_LENGTH, headers.getFirst(Tus.UPLOAD_LENGTH));
        boolean withBytes = isBody(headers);
        Checksum checksum = withBytes ? TusRequest.checksum(headers.getFirst(Tus.UPLOAD_CHECKSUM)) : null;
        return uploads.create(
                        session,
                        length,
                        headers.getFirst(Tus.UPLOAD_METADATA),
                        concat instanceof TusRequest.Concat.Part)
                .doOnNext(upload -> response.getHeaders().set(HttpHeaders.LOCATION, TusRequest.PATH + upload.id()))
                .flatMap(upload -> withBytes
                        ? uploads.append(session, upload.id(), 0, checksum, request.getBody())
                        : Mono.just(upload))
                .flatMap(upload -> {
                    if (withBytes) {
                        response.getHeaders().set(Tus.UPLOAD_OFFSET, Long.toString(upload.offset()));
                    }
                    expires(response, upload.expires());
                    return empty(response, HttpStatus.CREATED);
                });
    }

    /** How far an upload has come. */
    @RequestMapping(path = "/{id}", method = RequestMethod.HEAD)
    Mono<Void> head(
            @AuthenticationPrincipal LaunchSession session,
            @PathVariable String id,
            ServerHttpRequest request,
            ServerHttpResponse response) {
        admit(session, request, response);
        response.getHeaders().setCacheControl("no-store");
        return uploads.find(session, uuid(id)).flatMap(upload -> {
            HttpHeaders headers = response.getHeaders();
            headers.set(Tus.UPLOAD_OFFSET, Long.toString(upload.offset()));
            headers.set(Tus.UPLOAD_LENGTH, Long.toString(upload.length()));
            if (!upload.metadata().isEmpty()) {
                headers.set(Tus.UPLOAD_METADATA, upload.metadata());
            }
            if (upload.concat() != null) {
                headers.set(Tus.UPLOAD_CONCAT, upload.concat());
            }
            expires(response, upload.expires());
            return empty(response, HttpStatus.OK);
        });
    }

    /** Adds bytes. */
    @PatchMapping("/{id}")
    Mono<Void> append(
            @AuthenticationPrincipal LaunchSession session,
            @PathVariable String id,
            ServerHttpRequest request,
            ServerHttpResponse response) {
        admit(session, request, response);
        HttpHeaders headers = request.getHeaders();
        if (!isBody(headers)) {
            throw new ProblemException(ProblemType.UNSUPPORTED_MEDIA_TYPE, "The content type must be " + Tus.BODY);
        }
        long offset = TusRequest.bytes(Tus.UPLOAD_OFFSET, headers.getFirst(Tus.UPLOAD_OFFSET));
        Checksum checksum = TusRequest.checksum(headers.getFirst(Tus.UPLOAD_CHECKSUM));
        return uploads.append(session, uuid(id), offset, checksum, request.getBody())
                .flatMap(upload -> {
                    response.getHeaders().set(Tus.UPLOAD_OFFSET, Long.toString(upload.offset()));
                    expires(response, upload.expires());
                    return empty(response, HttpStatus.NO_CONTENT);
                });
    }

    /** For clients that cannot send PATCH or DELETE, as the protocol asks. */
    @PostMapping("/{id}")
    Mono<Void> overridden(
            @AuthenticationPrincipal LaunchSession session,
            @PathVariable String id,
            ServerHttpRequest request,
            ServerHttpResponse response) {
        String method = request.getHeaders().getFirst(Tus.METHOD_OVERRIDE);
        return switch (method == null ? "" : method) {
            case "PATCH" -> append(session, id, request, response);
            case "HEAD" -> head(session, id, request, response);
            case "DELETE" -> terminate(session, id, request, response);
            default ->
                Mono.error(
                        new ProblemException(ProblemType.METHOD_NOT_ALLOWED, "An upload takes HEAD, PATCH and DELETE"));
        };
    }

    /** Termination. */
    @DeleteMapping("/{id}")
    Mono<Void> terminate(
            @AuthenticationPrincipal LaunchSession session,
            @PathVariable String id,
            ServerHttpRequest request,
            ServerHttpResponse response) {
        admit(session, request, response);
        return deletion.delete(session.context(), uuid(id)).then(empty(response, HttpStatus.NO_CONTENT));
    }

    private static void admit(LaunchSession session, ServerHttpRequest request, ServerHttpResponse response) {
        response.getHeaders().set(Tus.RESUMABLE, TusRequest.VERSION);
        VideoAccess.requireStaff(session);
        if (!TusRequest.VERSION.equals(request.getHeaders().getFirst(Tus.RESUMABLE))) {
            response.getHeaders().set(Tus.VERSION, TusRequest.VERSION);
            throw new ProblemException(
                    ProblemType.PRECONDITION_FAILED, "This speaks tus " + TusRequest.VERSION + " (Tus-Resumable)");
        }
    }

    private static boolean isBody(HttpHeaders headers) {
        return Tus.BODY.equals(headers.getFirst(HttpHeaders.CONTENT_TYPE));
    }

    private static void expires(ServerHttpResponse response, @Nullable Instant expires) {
        if (expires != null) {
            response.getHeaders()
                    .set(
                            Tus.UPLOAD_EXPIRES,
                            DateTimeFormatter.RFC_1123_DATE_TIME.format(expires.atOffset(ZoneOffset.UTC)));
        }
    }

    private static Mono<Void> empty(ServerHttpResponse response, HttpStatus status) {
        return Mono.defer(() -> {
            response.setStatusCode(status);
            if (status != HttpStatus.NO_CONTENT) {
                response.getHeaders().setContentLength(0);
            }
            return response.setComplete();
        });
    }

    private static UUID uuid(String id) {
        try {
            return UUID.fromString(id);
        } catch (IllegalArgumentException unused) {
            throw new ProblemException(ProblemType.NOT_FOUND, "There is no such upload in this course");
        }
    }
}
