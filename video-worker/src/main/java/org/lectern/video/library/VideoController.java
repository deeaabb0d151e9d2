package org.lectern.video.library;

import jakarta.validation.Valid;
import jakarta.validation.constraints.DecimalMin;
import jakarta.validation.constraints.Max;
import jakarta.validation.constraints.Min;
import jakarta.validation.constraints.NotNull;
import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.listing.Listing;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.LaunchSession;
import org.lectern.infra.session.SessionWatch;
import org.lectern.video.VideoAccess;
import org.lectern.video.captions.Captions;
import org.lectern.video.captions.Cues;
import org.springframework.core.io.buffer.DataBufferLimitException;
import org.springframework.core.io.buffer.DataBufferUtils;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.codec.ServerSentEvent;
import org.springframework.http.server.reactive.ServerHttpRequest;
import org.springframework.security.core.annotation.AuthenticationPrincipal;
import org.springframework.web.bind.annotation.DeleteMapping;
import org.springframework.web.bind.annotation.GetMapping;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.PostMapping;
import org.springframework.web.bind.annotation.PutMapping;
import org.springframework.web.bind.annotation.RequestBody;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestParam;
import org.springframework.web.bind.annotation.ResponseStatus;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The videos of the session's course. */
@RestController
@RequestMapping("/api/video")
@ConditionalOnRole(NodeRole.WEB)
class VideoController {

    /** A comment this often keeps proxies from ending a quiet stream. */
    private static final Duration HEARTBEAT = Duration.ofSeconds(15);

    private final Library library;
    private final Deletion deletion;
    private final Texts texts;
    private final SessionWatch sessions;

    VideoController(Library library, Deletion deletion, Texts texts, SessionWatch sessions) {
        this.library = library;
        this.deletion = deletion;
        this.texts = texts;
        this.sessions = sessions;
    }

    /** Newest first. */
    @GetMapping(produces = MediaType.APPLICATION_JSON_VALUE)
    Mono<Listing<VideoDocument>> list(
            @AuthenticationPrincipal LaunchSession session,
            @RequestParam(required = false) @Nullable UUID before,
            @RequestParam(defaultValue = "50") @Min(1) @Max(Listing.MAX_LIMIT) int limit) {
        return library.list(session, before, limit);
    }

    /** What the videos of the course take, and may take; staff only. */
    @GetMapping(path = "/storage", produces = MediaType.APPLICATION_JSON_VALUE)
    Mono<Library.StorageDocument> usage(@AuthenticationPrincipal LaunchSession session) {
        VideoAccess.requireStaff(session);
        return library.usage(session);
    }

    /** One video of the course, as it stands. */
    @GetMapping(path = "/{id}", produces = MediaType.APPLICATION_JSON_VALUE)
    Mono<VideoDocument> show(@AuthenticationPrincipal LaunchSession session, @PathVariable String id) {
        return library.show(session, uuid(id));
    }

    /** The video after each change, until nothing more happens by itself or the session has ended. */
    @GetMapping(path = "/{id}/events", produces = MediaType.TEXT_EVENT_STREAM_VALUE)
    Flux<ServerSentEvent<VideoDocument>> events(
            @AuthenticationPrincipal LaunchSession session, @PathVariable String id) {
        Flux<ServerSentEvent<VideoDocument>> changes = library.follow(session, uuid(id))
                .map(video -> ServerSentEvent.builder(video).event("video").build());
        return changes.publish(shared -> Flux.merge(
                        shared,
                        Flux.interval(HEARTBEAT)
                                .onBackpressureDrop()
                                .map(unused -> ServerSentEvent.<VideoDocument>builder()
                                        .comment("alive")
                                        .build())
                                .takeUntilOther(shared.ignoreElements())))
                .takeUntilOther(sessions.ended(session.id(), session.expiresAt()));
    }

    /** Deletes the video and all that was made of it; staff only. */
    @DeleteMapping("/{id}")
    @ResponseStatus(HttpStatus.NO_CONTENT)
    Mono<Void> delete(@AuthenticationPrincipal LaunchSession session, @PathVariable String id) {
        VideoAccess.requireStaff(session);
        return deletion.delete(session.context(), uuid(id));
    }

    /**
     * Captions in a language (a BCP 47 tag), SubRip or WebVTT in UTF-8, in the place of those that were there; staff only. They
     * are part of the playlist from then on.
     */
    @PutMapping(
            path = "/{id}/captions/{language}",
            consumes = {"text/vtt", "application/x-subrip", MediaType.TEXT_PLAIN_VALUE})
    Mono<Captions.Track> putCaptions(
            @AuthenticationPrincipal LaunchSession session,
            @PathVariable String id,
            @PathVariable String language,
            ServerHttpRequest request) {
        VideoAccess.requireStaff(session);
        UUID video = uuid(id);
        return DataBufferUtils.join(request.getBody(), Cues.LIMIT_BYTES)
                .onErrorMap(
                        DataBufferLimitException.class,
                        unused -> new ProblemException(
                                ProblemType.TOO_LARGE,
                                "Captions have at most " + Cues.LIMIT_BYTES / 1024 / 1024 + " MB"))
                .map(buffer -> {
                    byte[] bytes = new byte[buffer.readableByteCount()];
                    buffer.read(bytes);
                    DataBufferUtils.release(buffer);
                    return bytes;
                })
                .defaultIfEmpty(new byte[0])
                .flatMap(file -> texts.putCaptions(session.context(), video, language, file));
    }

    /** Removes the captions in a language; staff only. */
    @DeleteMapping("/{id}/captions/{language}")
    @ResponseStatus(HttpStatus.NO_CONTENT)
    Mono<Void> deleteCaptions(
            @AuthenticationPrincipal LaunchSession session, @PathVariable String id, @PathVariable String language) {
        VideoAccess.requireStaff(session);
        return texts.deleteCaptions(session.context(), uuid(id), language);
    }

    /** All chapters, in the place of those that were there; staff only. */
    @PutMapping("/{id}/chapters")
    @ResponseStatus(HttpStatus.NO_CONTENT)
    Mono<Void> putChapters(
            @AuthenticationPrincipal LaunchSession session,
            @PathVariable String id,
            @Valid @RequestBody Chapters chapters) {
        VideoAccess.requireStaff(session);
        return texts.putChapters(session.context(), uuid(id), chapters.chapters());
    }

    /**
     * The chapters of a video.
     *
     * @param chapters at most 200
     */
    record Chapters(@NotNull List<@Valid @NotNull Chapter> chapters) {}

    /** A stretch was watched, in seconds; sent every few seconds while a video plays. */
    @PostMapping("/{id}/watch")
    @ResponseStatus(HttpStatus.NO_CONTENT)
    Mono<Void> watched(
            @AuthenticationPrincipal LaunchSession session,
            @PathVariable String id,
            @Valid @RequestBody Stretch stretch) {
        return library.watched(session, uuid(id), stretch.from(), stretch.to());
    }

    /**
     * A stretch of a video.
     *
     * @param from where watching began, in seconds
     * @param to where it ended, in seconds
     */
    record Stretch(
            @NotNull @DecimalMin("0") Double from,
            @NotNull @DecimalMin("0") Double to) {}

    private static UUID uuid(String id) {
        try {
            return UUID.fromString(id);
        } catch (IllegalArgumentException unused) {
            throw new ProblemException(ProblemType.NOT_FOUND, "There is no such video in this course");
        }
    }
}
