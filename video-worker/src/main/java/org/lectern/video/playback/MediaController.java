package org.lectern.video.playback;

import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.regex.Pattern;
import org.lectern.db.ContextId;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.regions.Region;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.storage.ObjectStorage;
import org.lectern.infra.storage.ObjectStorage.StoredObject;
import org.lectern.infra.storage.RegionalStorage;
import org.lectern.infra.telemetry.TraceScope;
import org.lectern.video.VideoFiles;
import org.lectern.video.media.Transcoder;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.http.HttpHeaders;
import org.springframework.http.HttpMethod;
import org.springframework.http.HttpRange;
import org.springframework.http.HttpStatus;
import org.springframework.http.MediaType;
import org.springframework.http.server.reactive.ServerHttpRequest;
import org.springframework.http.server.reactive.ServerHttpResponse;
import org.springframework.web.bind.annotation.PathVariable;
import org.springframework.web.bind.annotation.RequestMapping;
import org.springframework.web.bind.annotation.RequestMethod;
import org.springframework.web.bind.annotation.RestController;
import reactor.core.publisher.Mono;

/**
 * Serves playlists, segments and pictures to whoever holds a signed address. What lies under an output never changes, so
 * segments may stay in the reader's own cache for good; playlists are asked for each time.
 */
@RestController
@ConditionalOnRole(NodeRole.WEB)
class MediaController {

    /** All that the transcoder makes; anything else does not exist, whatever the storage holds. */
    private static final Pattern FILE = Pattern.compile(
            "master\\.m3u8|poster\\.jpg|sprite\\.jpg|thumbnails\\.vtt|captions/[A-Za-z0-9-]{2,35}\\.(?:vtt|m3u8)|(?:v[0-9]|audio)/(?:index\\.m3u8|init\\.mp4|seg-[0-9]{5,7}\\.m4s)");

    private static final Map<String, MediaType> TYPES = Map.of(
            "m3u8", MediaType.parseMediaType("application/vnd.apple.mpegurl"),
            "mp4", MediaType.parseMediaType("video/mp4"),
            "m4s", MediaType.parseMediaType("video/iso.segment"),
            "jpg", MediaType.IMAGE_JPEG,
            "vtt", MediaType.parseMediaType("text/vtt;charset=utf-8"));

    private static final Logger LOG = LoggerFactory.getLogger(MediaController.class);
    private static final Duration NEAR = Duration.ofSeconds(3);

    private final SignedLinks links;
    private final RegionalStorage storage;
    private final CaptionFiles captions;

    MediaController(SignedLinks links, RegionalStorage storage, CaptionFiles captions) {
        this.links = links;
        this.storage = storage;
        this.captions = captions;
    }

    @RequestMapping(
            path = "/media/{grant}/{context}/{video}/{content}/{output}/{*file}",
            method = {RequestMethod.GET, RequestMethod.HEAD})
    Mono<Void> media(
            @PathVariable String grant,
            @PathVariable String context,
            @PathVariable String video,
            @PathVariable String content,
            @PathVariable String output,
            @PathVariable String file,
            ServerHttpRequest request,
            ServerHttpResponse response) {
        String name = file.startsWith("/") ? file.substring(1) : file;
        if (!FILE.matcher(name).matches()) {
            throw missing();
        }
        ContextId contextId = new ContextId(uuid(context));
        UUID videoId = uuid(video);
        UUID contentId = uuid(content);
        UUID outputId = uuid(output);
        switch (links.check(grant, contextId, videoId, contentId)) {
            case VALID -> {
                // Goes on below.
            }
            case EXPIRED ->
                throw new ProblemException(ProblemType.GONE, "This address has expired; load the video's page again");
            case FORGED ->
                throw new ProblemException(ProblemType.FORBIDDEN, "This address was not given out by Lectern");
        }
        String key = VideoFiles.output(contextId, contentId, outputId) + name;
        if (name.startsWith(CaptionFiles.FOLDER)) {
            return captions.file(contextId, videoId, name)
                    .switchIfEmpty(Mono.error(MediaController::missing))
                    .flatMap(text -> send(text, name, request, response));
        }
        return locate(key)
                .switchIfEmpty(Mono.error(MediaController::missing))
                .flatMap(found -> name.equals(Transcoder.MASTER)
                        ? captions.master(contextId, videoId, found.storage().get(key, 0, null))
                                .flatMap(text -> send(text, name, request, response))
                        : send(found, name, outputId, request, response));
    }

    /** An object, and the region's storage that has it. */
    private record Located(ObjectStorage storage, StoredObject object) {}

    /** In the reader's region, where a copy is there already and the region answers, else in the home region. */
    private Mono<Located> locate(String key) {
        return Mono.deferContextual(context -> {
            Region region = Region.current(context);
            ObjectStorage near = storage.in(region);
            ObjectStorage home = storage.in(storage.home());
            Mono<Located> atHome = home.head(key).map(object -> new Located(home, object));
            return !storage.replicas().contains(region)
                    ? atHome
                    : near.head(key)
                            .map(object -> new Located(near, object))
                            .timeout(NEAR)
                            .onErrorResume(failed -> {
                                TraceScope.run(
                                        context,
                                        () -> LOG.warn(
                                                "The storage of region {} does not answer", region.key(), failed));
                                return Mono.empty();
                            })
                            .switchIfEmpty(atHome);
        });
    }

    /** What may change, as captions may: never kept by anybody. */
    private static Mono<Void> send(String text, String name, ServerHttpRequest request, ServerHttpResponse response) {
        byte[] bytes = text.getBytes(StandardCharsets.UTF_8);
        HttpHeaders headers = response.getHeaders();
        headers.setContentType(
                TYPES.getOrDefault(name.substring(name.lastIndexOf('.') + 1), MediaType.APPLICATION_OCTET_STREAM));
        headers.setCacheControl("private, no-store");
        headers.set("X-Content-Type-Options", "nosniff");
        // The page may come from another region's nodes; the address itself is the permission.
        headers.setAccessControlAllowOrigin("*");
        headers.setContentLength(bytes.length);
        return request.getMethod().equals(HttpMethod.HEAD)
                ? response.setComplete()
                : response.writeWith(Mono.just(response.bufferFactory().wrap(bytes)));
    }

    private static Mono<Void> send(
            Located found, String name, UUID output, ServerHttpRequest request, ServerHttpResponse response) {
        StoredObject object = found.object();
        String tag = "\"" + output + "-" + Long.toHexString(object.sizeBytes()) + "\"";
        String extension = name.substring(name.lastIndexOf('.') + 1);
        HttpHeaders headers = response.getHeaders();
        headers.setContentType(TYPES.getOrDefault(extension, MediaType.APPLICATION_OCTET_STREAM));
        headers.setCacheControl(
                extension.equals("m3u8") ? "private, no-store" : "private, max-age=31536000, immutable");
        headers.set("X-Content-Type-Options", "nosniff");
        // The page may come from another region's nodes; the address itself is the permission.
        headers.setAccessControlAllowOrigin("*");
        headers.set(HttpHeaders.ACCEPT_RANGES, "bytes");
        headers.setETag(tag);

        List<String> known = request.getHeaders().getIfNoneMatch();
        if (known.contains(tag) || known.contains("*")) {
            response.setStatusCode(HttpStatus.NOT_MODIFIED);
            return response.setComplete();
        }
        long size = object.sizeBytes();
        return switch (range(request, tag, size)) {
            case Part.Whole unused -> body(found, 0, size, request, response);
            case Part.Slice slice -> {
                response.setStatusCode(HttpStatus.PARTIAL_CONTENT);
                headers.set(
                        HttpHeaders.CONTENT_RANGE,
                        "bytes " + slice.from() + "-" + (slice.from() + slice.length() - 1) + "/" + size);
                yield body(found, slice.from(), slice.length(), request, response);
            }
            case Part.Unsatisfiable unused -> {
                response.setStatusCode(HttpStatus.REQUESTED_RANGE_NOT_SATISFIABLE);
                headers.set(HttpHeaders.CONTENT_RANGE, "bytes */" + size);
                headers.remove(HttpHeaders.CONTENT_TYPE);
                headers.setCacheControl("no-store");
                yield response.setComplete();
            }
        };
    }

    private static Mono<Void> body(
            Located found, long from, long length, ServerHttpRequest request, ServerHttpResponse response) {
        response.getHeaders().setContentLength(length);
        return request.getMethod().equals(HttpMethod.HEAD)
                ? response.setComplete()
                : response.writeWith(found.storage().get(found.object().key(), from, length));
    }

    /** Which bytes are asked for. */
    sealed interface Part {
        /** All. */
        record Whole() implements Part {}

        /** Some. */
        record Slice(long from, long length) implements Part {}

        /** None that there are. */
        record Unsatisfiable() implements Part {}
    }

    /** One range is answered; several, or a malformed header, get the whole, as RFC 9110 permits. */
    private static Part range(ServerHttpRequest request, String tag, long size) {
        String header = request.getHeaders().getFirst(HttpHeaders.RANGE);
        String condition = request.getHeaders().getFirst(HttpHeaders.IF_RANGE);
        if (header == null || (condition != null && !condition.equals(tag))) {
            return new Part.Whole();
        }
        try {
            List<HttpRange> ranges = HttpRange.parseRanges(header);
            if (ranges.size() != 1) {
                return new Part.Whole();
            }
            long from = ranges.getFirst().getRangeStart(size);
            long to = ranges.getFirst().getRangeEnd(size);
            return from >= size || to < from ? new Part.Unsatisfiable() : new Part.Slice(from, to - from + 1);
        } catch (IllegalArgumentException unused) {
            return new Part.Whole();
        }
    }

    private static UUID uuid(String text) {
        try {
            return UUID.fromString(text);
        } catch (IllegalArgumentException unused) {
            throw missing();
        }
    }

    private static ProblemException missing() {
        return new ProblemException(ProblemType.NOT_FOUND, "There is no such file");
    }
}
