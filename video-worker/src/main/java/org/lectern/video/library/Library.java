package org.lectern.video.library;

import java.time.Clock;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.Shards;
import org.lectern.infra.activity.Activity;
import org.lectern.infra.activity.ActivityLog;
import org.lectern.infra.jobs.Job;
import org.lectern.infra.jobs.Jobs;
import org.lectern.infra.listing.Listing;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.infra.regions.Region;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.session.LaunchSession;
import org.lectern.infra.storage.RegionalStorage;
import org.lectern.video.VideoAccess;
import org.lectern.video.VideoSettings;
import org.lectern.video.media.Transcoder;
import org.lectern.video.playback.SignedLinks;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** What a session sees of its course's videos, and what it tells about watching them. */
@Component
@ConditionalOnRole(NodeRole.WEB)
class Library {

    /** Job rows that are asked for at a time while a page of the list is put together. */
    private static final int JOB_LOOKUPS = 8;

    /** How long a change may go unseen when nobody tells of it. */
    private static final Duration LOOK_AGAIN = Duration.ofSeconds(2);

    /** Whoever stops this close to the end begins again next time. */
    private static final double END_SECONDS = 5;

    private final Videos videos;
    private final Positions positions;
    private final Shards shards;
    private final Jobs jobs;
    private final ActivityLog activities;
    private final SignedLinks links;
    private final Texts texts;
    private final Replicas replicas;
    private final RegionalStorage storage;
    private final VideoSettings settings;
    private final IdGenerator ids;
    private final Clock clock;

    Library(
            Videos videos,
            Positions positions,
            Shards shards,
            Jobs jobs,
            ActivityLog activities,
            SignedLinks links,
            Texts texts,
            Replicas replicas,
            RegionalStorage storage,
            VideoSettings settings,
            IdGenerator ids,
            Clock clock) {
        this.videos = videos;
        this.positions = positions;
        this.shards = shards;
        this.jobs = jobs;
        this.activities = activities;
        this.links = links;
        this.texts = texts;
        this.replicas = replicas;
        this.storage = storage;
        this.settings = settings;
        this.ids = ids;
        this.clock = clock;
    }

    Mono<Listing<VideoDocument>> list(LaunchSession session, @Nullable UUID before, int limit) {
        boolean unfinished = VideoAccess.seesUnfinished(session);
        return videos.list(session.context(), before, limit + 1, unfinished, Freshness.SESSION)
                .flatMapSequential(video -> document(video, 0), JOB_LOOKUPS)
                .collectList()
                .map(rows -> Listing.of(rows, limit, video -> video.id().toString()));
    }

    Mono<VideoDocument> show(LaunchSession session, UUID id) {
        return find(session, id, Freshness.SESSION)
                .flatMap(video -> position(session, video)
                        .flatMap(seconds -> document(video, seconds))
                        .flatMap(document -> withMore(video, document)));
    }

    /** The video now, and after each change; ends when it is ready, rejected, failed or gone. */
    Flux<VideoDocument> follow(LaunchSession session, UUID id) {
        return show(session, id)
                .flatMapMany(first -> Flux.concat(Mono.just(first), changes(session, id)))
                .distinctUntilChanged()
                .takeUntil(video -> video.state().settled());
    }

    private Flux<VideoDocument> changes(LaunchSession session, UUID id) {
        ContextId context = session.context();
        // One round: look again as soon as the job tells of a change, or after a while.
        return videos.find(context, id, Freshness.PRIMARY)
                .flatMap(video -> Mono.firstWithSignal(
                                told(context, video.jobId()),
                                Mono.delay(LOOK_AGAIN).then())
                        .thenReturn(video))
                .then(Mono.defer(() -> find(session, id, Freshness.PRIMARY)))
                .flatMap(video -> document(video, 0))
                .repeat()
                .onErrorComplete(
                        error -> error instanceof ProblemException problem && problem.type() == ProblemType.NOT_FOUND);
    }

    private Mono<Void> told(ContextId context, @Nullable UUID job) {
        return job == null
                ? Mono.never()
                : jobs.watch(context, job)
                        .next()
                        .then(Mono.delay(LOOK_AGAIN.dividedBy(8)).then());
    }

    /**
     * Records that a stretch was watched.
     *
     * @param from seconds
     * @param to seconds
     */
    Mono<Void> watched(LaunchSession session, UUID id, double from, double to) {
        return find(session, id, Freshness.SESSION).flatMap(video -> {
            Long millis = video.durationMillis();
            if (video.state() != VideoState.READY || millis == null) {
                return Mono.error(new ProblemException(ProblemType.CONFLICT, "This video cannot be watched yet"));
            }
            double duration = millis / 1000.0;
            if (!(from >= 0 && to > from && to <= duration + 1)) {
                return Mono.error(new ProblemException(
                        ProblemType.INVALID_REQUEST, "from and to are seconds within the video, from before to"));
            }
            double end = Math.min(to, duration);
            double next = end > duration - END_SECONDS ? 0 : end;
            return shards.write(
                            session.context(),
                            transaction -> positions
                                    .remember(transaction, id, session.userId(), next)
                                    .flatMap(fresh -> activities
                                            .record(transaction, events(session, id, Math.min(from, end), end, fresh))
                                            .thenReturn(fresh)))
                    .then();
        });
    }

    private List<Activity> events(LaunchSession session, UUID video, double from, double to, boolean fresh) {
        Activity watched = new Activity(
                ids.generateId(),
                session.userId(),
                Activity.Verb.WATCHED,
                video.toString(),
                clock.instant(),
                Map.of("from", from, "to", to));
        Activity played = new Activity(
                ids.generateId(), session.userId(), Activity.Verb.PLAYED, video.toString(), clock.instant(), Map.of());
        return fresh ? List.of(played, watched) : List.of(watched);
    }

    private Mono<Video> find(LaunchSession session, UUID id, Freshness freshness) {
        return videos.find(session.context(), id, freshness)
                .filter(video -> !video.part()
                        && (VideoAccess.seesUnfinished(session)
                                || VideoState.visible().contains(video.state().key())))
                .switchIfEmpty(Mono.error(
                        () -> new ProblemException(ProblemType.NOT_FOUND, "There is no such video in this course")));
    }

    private Mono<Double> position(LaunchSession session, Video video) {
        return video.state() == VideoState.READY
                ? positions
                        .find(session.context(), video.id(), session.userId())
                        .defaultIfEmpty(0.0)
                : Mono.just(0.0);
    }

    private Mono<VideoDocument> document(Video video, double position) {
        return switch (video.state()) {
            case UPLOADING ->
                Mono.just(document(
                        video, (int) (video.receivedBytes() * 100 / video.sizeBytes()), "uploading", position));
            case QUEUED, PROCESSING -> {
                UUID job = video.jobId();
                yield job == null
                        ? Mono.just(document(video, 0, "waiting", position))
                        : jobs.find(video.context(), job)
                                .map(found -> document(video, found.percent(), stage(found), position))
                                .defaultIfEmpty(document(video, 0, "waiting", position));
            }
            case READY -> Mono.just(document(video, 100, null, position));
            case REJECTED, FAILED -> Mono.just(document(video, 0, null, position));
        };
    }

    /** Captions and copies, which lists leave out, and addresses in the reader's region where it has a copy. */
    private Mono<VideoDocument> withMore(Video video, VideoDocument document) {
        String playlist = document.playlistUrl();
        Mono<List<VideoDocument.CaptionLink>> captions = texts.tracks(video.context(), video.id())
                .map(track -> new VideoDocument.CaptionLink(
                        track.language(),
                        track.label(),
                        playlist == null
                                ? null
                                : playlist.replace(Transcoder.MASTER, "captions/" + track.language() + ".vtt")))
                .collectList();
        Mono<Set<Region>> copies = replicas.of(video.context(), video.id())
                .filter(copy -> copy.output().equals(video.output()))
                .map(Replicas.Copy::region)
                .collect(Collectors.toSet());
        return Mono.deferContextual(context -> Mono.zip(captions, copies, (tracks, there) -> {
            Region reader = Region.current(context);
            String base = there.contains(reader)
                    ? storage.url(reader)
                            .map(url -> url.toString().replaceAll("/+$", ""))
                            .orElse("")
                    : "";
            return document.with(tracks, video.state() == VideoState.READY ? regions(there) : List.of(), base);
        }));
    }

    private List<VideoDocument.RegionCopy> regions(Set<Region> there) {
        List<VideoDocument.RegionCopy> all = new ArrayList<>();
        all.add(new VideoDocument.RegionCopy(storage.home().key(), "available"));
        storage.replicas().stream()
                .sorted()
                .forEach(region -> all.add(
                        new VideoDocument.RegionCopy(region.key(), there.contains(region) ? "available" : "pending")));
        return all;
    }

    /** What the videos of the course take. */
    Mono<StorageDocument> usage(LaunchSession session) {
        return videos.usage(session.context())
                .map(usage -> new StorageDocument(
                        usage.videos(),
                        usage.sourceBytes(),
                        usage.outputBytes(),
                        settings.courseQuota().toBytes()));
    }

    /**
     * What the videos of a course take, in one region.
     *
     * @param videos how many there are, uploads on their way included
     * @param sourceBytes of what was uploaded
     * @param outputBytes of what was made of it
     * @param quotaBytes how much both may have in all
     */
    record StorageDocument(long videos, long sourceBytes, long outputBytes, long quotaBytes) {}

    private static String stage(Job job) {
        String stage = job.stage();
        return switch (job.state()) {
            case WAITING, PUBLISHED -> job.attempt() > 0 ? "trying again soon" : "waiting";
            case RUNNING, DONE, DEAD, CANCELLED, DISCARDED -> stage == null ? "waiting" : stage;
        };
    }

    private VideoDocument document(Video video, int percent, @Nullable String stage, double position) {
        Long millis = video.durationMillis();
        // Null until ready.
        UUID output = video.output();
        return new VideoDocument(
                video.id(),
                video.title(),
                video.state(),
                percent,
                stage,
                millis == null ? null : (Double) (millis / 1000.0),
                video.sizeBytes(),
                output == null ? null : link(video, output, Transcoder.MASTER),
                output == null || !video.poster() ? null : link(video, output, Transcoder.POSTER),
                output == null ? null : link(video, output, Transcoder.THUMBNAILS),
                video.renditions(),
                List.of(),
                video.chapters(),
                List.of(),
                video.error(),
                position,
                video.createdAt());
    }

    private String link(Video video, UUID output, String file) {
        UUID content = video.content();
        return links.link(video.context(), video.id(), content == null ? video.id() : content, output, file);
    }
}
