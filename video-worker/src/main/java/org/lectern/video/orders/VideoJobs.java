package org.lectern.video.orders;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.infra.jobs.Job;
import org.lectern.infra.jobs.JobRequest;
import org.lectern.infra.jobs.JobType;
import org.lectern.infra.jobs.Jobs;
import org.lectern.infra.jobs.Lane;
import org.lectern.infra.regions.Region;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.storage.RegionalStorage;
import org.lectern.video.media.SourceInfo;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/** Asks for the jobs of videos, inside the transaction of what makes them necessary. */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
public final class VideoJobs {

    private static final Logger LOG = LoggerFactory.getLogger(VideoJobs.class);

    /** Looks whether the file is a video. */
    public static final String PROBE = "video.probe";

    /** Brings the file to the storage, unless the same bytes are there. */
    public static final String STORE = "video.store";

    /** Makes it playable. */
    public static final String TRANSCODE = "video.transcode";

    /** Makes what can be played first of a long video. */
    public static final String FIRST = "video.first";

    /** Makes the other renditions of a range of a long video. */
    public static final String RANGE = "video.range";

    /** Puts together what several workers made of a long video. */
    public static final String JOIN = "video.join";

    /** Brings what is played of a video to another region. */
    public static final String REPLICATE = "video.replicate";

    /** Deletes a video that is kept no longer. */
    public static final String RETIRE = "video.retire";

    /** Removes the bytes of a video whose row is gone. */
    public static final String PURGE = "video.purge";

    /** Removes what attempts left that failed or were overtaken. */
    public static final String TIDY = "video.tidy";

    /** Ends an upload to which nothing is added any more. */
    public static final String EXPIRE = "video.expire";

    /** A worker that was in the middle of it has noticed by then that its video is gone. */
    private static final Duration SECOND_LOOK = Duration.ofMinutes(15);

    /** 15 minutes, seven times doubled, are 32 hours. */
    private static final int LONGEST_WAIT_DOUBLINGS = 7;

    /** After about a month: 64 hours until the waits are the longest, and 21 of those. */
    private static final int MOST_PUT_OFFS = 28;

    /** A look that is not put off, since another one is asked for with it. */
    private static final int FIRST_LOOK = -1;

    private final Jobs jobs;
    private final IdGenerator ids;
    private final RegionalStorage storage;
    private final JsonMapper json;
    private final Clock clock;

    VideoJobs(Jobs jobs, IdGenerator ids, RegionalStorage storage, JsonMapper json, Clock clock) {
        this.jobs = jobs;
        this.ids = ids;
        this.storage = storage;
        this.json = json;
        this.clock = clock;
    }

    /** What most jobs need to know. */
    public record VideoRef(UUID video) {}

    /** What the transcoder needs to know. */
    public record TranscodeOrder(UUID video, SourceInfo source) {}

    /**
     * What a worker needs to know of its share of a long video.
     *
     * @param part 0 for what can be played first, from 1 for the ranges
     */
    public record PartOrder(UUID video, SourceInfo source, int part) {}

    /** What is to be removed: the file of a video's upload, and a content that was shared by nobody else. */
    public record PurgeOrder(UUID video, @Nullable UUID content) {}

    /**
     * Which content is to be looked at.
     *
     * @param again how often it was put off before; negative where another look is asked for already; null, which counts as
     *     0, where a node asked that knows nothing of this
     */
    public record TidyOrder(UUID content, @Nullable Integer again) {}

    /**
     * Which video is to end.
     *
     * @param since when it became ready; null where that is when the job was asked for
     */
    public record RetireOrder(UUID video, @Nullable Instant since) {}

    /** What is to be where. */
    public record ReplicaOrder(UUID video, UUID output, Region region) {}

    /** A fresh id for a job that a row is to name. */
    public UUID newId() {
        return ids.generateId();
    }

    /** Asks for a probe; people wait for it. */
    public Mono<Void> probe(ShardTransaction transaction, UUID job, UUID video, int score) {
        return submit(transaction, job, PROBE, Lane.HIGH, score, new VideoRef(video), null);
    }

    /** Asks for a probed file to be brought to the storage, or for more of it to be. */
    public Mono<Void> store(ShardTransaction transaction, UUID job, UUID video, SourceInfo source, int score) {
        return submit(transaction, job, STORE, Lane.BATCH, score, new TranscodeOrder(video, source), null);
    }

    /** Asks for the transcoding of a stored video. */
    public Mono<Void> transcode(ShardTransaction transaction, UUID job, UUID video, SourceInfo source, int score) {
        return submit(transaction, job, TRANSCODE, Lane.TRANSCODE, score, new TranscodeOrder(video, source), null);
    }

    /** Asks for a share of a long video; what can be played first has a head start. */
    public Mono<Void> part(ShardTransaction transaction, UUID job, UUID video, SourceInfo source, int part, int score) {
        return submit(
                transaction,
                job,
                part == 0 ? FIRST : RANGE,
                Lane.TRANSCODE,
                part == 0 ? score + 1 : score,
                new PartOrder(video, source, part),
                null);
    }

    /** Asks for the joining of all shares of a long video. */
    public Mono<Void> join(ShardTransaction transaction, UUID video, SourceInfo source) {
        return submit(transaction, newId(), JOIN, Lane.STANDARD, 0, new TranscodeOrder(video, source), null);
    }

    /** Which share a job is about. */
    public PartOrder partOrder(Job job) {
        return json.treeToValue(job.payload(), PartOrder.class);
    }

    /** Asks for copies of what is played now, in all other regions at a time. */
    public Mono<Void> replicate(ShardTransaction transaction, UUID video, UUID output) {
        return Flux.fromIterable(storage.replicas())
                .concatMap(region -> replicate(transaction, new ReplicaOrder(video, output, region)))
                .then();
    }

    /** Asks for a copy, or for more of it. */
    public Mono<Void> replicate(ShardTransaction transaction, ReplicaOrder order) {
        return submit(transaction, newId(), REPLICATE, Lane.BATCH, 0, order, null);
    }

    /**
     * Asks for the deletion of a video when its time is over.
     *
     * @param since when it became ready
     */
    public Mono<Void> retire(ShardTransaction transaction, UUID video, Instant since, Instant at) {
        return submit(transaction, RETIRE, new RetireOrder(video, since), at);
    }

    /** Which video's time is over. */
    public RetireOrder retireOrder(Job job) {
        return json.treeToValue(job.payload(), RetireOrder.class);
    }

    /** What is to be copied. */
    public ReplicaOrder replicaOrder(Job job) {
        return json.treeToValue(job.payload(), ReplicaOrder.class);
    }

    /**
     * Asks for the removal of a video's bytes, now and once more when nobody can still be writing.
     *
     * @param content what nobody shares any more; null when there is only the upload's file
     */
    public Mono<Void> purge(ShardTransaction transaction, UUID video, @Nullable UUID content) {
        PurgeOrder order = new PurgeOrder(video, content);
        return submit(transaction, PURGE, order, null)
                .then(Mono.defer(
                        () -> submit(transaction, PURGE, order, clock.instant().plus(SECOND_LOOK))));
    }

    /** Asks for the removal of outputs that no video names, now and once more when nobody can still be writing. */
    public Mono<Void> tidy(ShardTransaction transaction, UUID content) {
        return submit(transaction, TIDY, new TidyOrder(content, FIRST_LOOK), null)
                .then(tidyLater(transaction, content, 0));
    }

    /**
     * Puts the last look at a content off that is still worked on: each time for twice as long, at most for a day or so, and
     * for a month in all. What takes longer waits for an operator, and ends with an order to tidy of its own.
     */
    public Mono<Void> tidyAgain(ShardTransaction transaction, TidyOrder order) {
        Integer again = order.again();
        int before = again == null ? 0 : again;
        if (before < 0) {
            return Mono.empty();
        }
        if (before >= MOST_PUT_OFFS) {
            LOG.warn(
                    "Content {} of course {} was worked on whenever it was to be tidied, {} times: it is not looked at"
                            + " again until that work ends",
                    order.content(),
                    transaction.context(),
                    before + 1);
            return Mono.empty();
        }
        return tidyLater(transaction, order.content(), before + 1);
    }

    private Mono<Void> tidyLater(ShardTransaction transaction, UUID content, int again) {
        Duration wait = SECOND_LOOK.multipliedBy(1L << Math.min(again, LONGEST_WAIT_DOUBLINGS));
        return Mono.defer(() -> submit(
                transaction,
                TIDY,
                new TidyOrder(content, again),
                clock.instant().plus(wait)));
    }

    private Mono<Void> submit(ShardTransaction transaction, String kind, Record order, @Nullable Instant runAt) {
        return submit(transaction, newId(), kind, Lane.STANDARD, 0, order, runAt);
    }

    /** What is to be removed. */
    public PurgeOrder purgeOrder(Job job) {
        return json.treeToValue(job.payload(), PurgeOrder.class);
    }

    /** Which content is to be tidied. */
    public TidyOrder tidyOrder(Job job) {
        return json.treeToValue(job.payload(), TidyOrder.class);
    }

    /** Asks for the end of an upload, unless it goes on until then. */
    public Mono<Void> expire(ShardTransaction transaction, UUID video, Instant at) {
        return submit(transaction, newId(), EXPIRE, Lane.STANDARD, 0, new VideoRef(video), at);
    }

    /** The video that a probe or expiry is about. */
    public UUID video(Job job) {
        return json.treeToValue(job.payload(), VideoRef.class).video();
    }

    /** What a transcoding, or its preparation, is about. */
    public TranscodeOrder order(Job job) {
        return json.treeToValue(job.payload(), TranscodeOrder.class);
    }

    private Mono<Void> submit(
            ShardTransaction transaction,
            UUID id,
            String kind,
            Lane lane,
            int score,
            Record payload,
            @Nullable Instant runAt) {
        return jobs.submit(
                transaction, new JobRequest(id, JobType.VIDEO, kind, lane, score, json.valueToTree(payload), runAt));
    }
}
