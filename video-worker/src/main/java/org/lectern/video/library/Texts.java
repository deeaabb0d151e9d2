package org.lectern.video.library;

import java.util.ArrayList;
import java.util.Comparator;
import java.util.IllformedLocaleException;
import java.util.List;
import java.util.Locale;
import java.util.UUID;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.db.shard.Shards;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.video.captions.Captions;
import org.lectern.video.captions.Cues;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** What staff write to a video: captions and chapters. Whoever calls has been let in as staff. */
@Component
@ConditionalOnRole(NodeRole.WEB)
class Texts {

    private static final int TRACKS_LIMIT = 50;
    private static final int CHAPTERS_LIMIT = 200;
    private static final int LABEL_LIMIT_CHARS = 60;

    private final Shards shards;
    private final Videos videos;
    private final Captions captions;

    Texts(Shards shards, Videos videos, Captions captions) {
        this.shards = shards;
        this.videos = videos;
        this.captions = captions;
    }

    /** Writes the captions of a language, SubRip or WebVTT. */
    Mono<Captions.Track> putCaptions(ContextId context, UUID id, String language, byte[] file) {
        return Mono.fromCallable(() -> new Captions.Track(tag(language), label(tag(language))))
                .flatMap(track -> {
                    Cues cues = Cues.parse(file);
                    return shards.write(
                            context,
                            transaction -> existing(transaction, id)
                                    .then(captions.put(transaction, id, track, cues))
                                    .then(captions.count(transaction, id))
                                    .flatMap(count -> count > TRACKS_LIMIT
                                            ? Mono.error(new ProblemException(
                                                    ProblemType.UNPROCESSABLE,
                                                    "A video has captions in at most " + TRACKS_LIMIT + " languages"))
                                            : Mono.just(track)));
                });
    }

    /** Removes the captions of a language. */
    Mono<Void> deleteCaptions(ContextId context, UUID id, String language) {
        return shards.write(context, transaction -> captions.delete(transaction, id, tag(language)))
                .flatMap(deleted -> deleted
                        ? Mono.empty()
                        : Mono.error(new ProblemException(
                                ProblemType.NOT_FOUND, "This video has no captions in this language")));
    }

    /** Writes all chapters, in the place of those that were there. */
    Mono<Void> putChapters(ContextId context, UUID id, List<Chapter> chapters) {
        if (chapters.size() > CHAPTERS_LIMIT) {
            return Mono.error(new ProblemException(
                    ProblemType.UNPROCESSABLE, "A video has at most " + CHAPTERS_LIMIT + " chapters"));
        }
        List<Chapter> ordered = new ArrayList<>(chapters);
        ordered.sort(Comparator.comparing(Chapter::start));
        return shards.write(
                        context,
                        transaction -> existing(transaction, id)
                                .filter(video -> {
                                    Long millis = video.durationMillis();
                                    return ordered.isEmpty()
                                            || millis == null
                                            || ordered.getLast().start() * 1000 <= millis;
                                })
                                .switchIfEmpty(Mono.error(() -> new ProblemException(
                                        ProblemType.UNPROCESSABLE, "A chapter begins after the end of the video")))
                                .flatMap(video -> videos.chapters(transaction, id, ordered)
                                        .thenReturn(true)))
                .then();
    }

    private Mono<Video> existing(ShardTransaction transaction, UUID id) {
        return videos.lock(transaction, id)
                .switchIfEmpty(Mono.error(
                        () -> new ProblemException(ProblemType.NOT_FOUND, "There is no such video in this course")));
    }

    Flux<Captions.Track> tracks(ContextId context, UUID id) {
        return captions.tracks(context, id, Freshness.SESSION);
    }

    private static String tag(String language) {
        try {
            String tag = new Locale.Builder().setLanguageTag(language).build().toLanguageTag();
            if (!tag.equals("und") && tag.length() <= 35) {
                return tag;
            }
        } catch (IllformedLocaleException unused) {
            // Refused below.
        }
        throw new ProblemException(ProblemType.INVALID_REQUEST, "The language is not a tag such as en or pt-BR");
    }

    /** What people who read the language call it. */
    private static String label(String tag) {
        Locale locale = Locale.forLanguageTag(tag);
        String name = locale.getDisplayName(locale);
        String label = name.isBlank() ? tag : name.substring(0, 1).toUpperCase(locale) + name.substring(1);
        return label.length() > LABEL_LIMIT_CHARS ? tag : label;
    }
}
