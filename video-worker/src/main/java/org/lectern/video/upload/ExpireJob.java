package org.lectern.video.upload;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.Optional;
import java.util.UUID;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.infra.jobs.JobHandler;
import org.lectern.infra.jobs.JobRun;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.video.VideoFiles;
import org.lectern.video.VideoSettings;
import org.lectern.video.library.Video;
import org.lectern.video.library.VideoState;
import org.lectern.video.library.Videos;
import org.lectern.video.orders.VideoJobs;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/** Removes an upload to which nothing was added for its lifetime; one that went on is looked at again later. */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class ExpireJob implements JobHandler {

    private static final Duration WAIT = Duration.ofSeconds(30);

    private final Videos videos;
    private final Uploads uploads;
    private final VideoJobs orders;
    private final VideoFiles files;
    private final VideoSettings settings;
    private final Clock clock;

    ExpireJob(Videos videos, Uploads uploads, VideoJobs orders, VideoFiles files, VideoSettings settings, Clock clock) {
        this.videos = videos;
        this.uploads = uploads;
        this.orders = orders;
        this.files = files;
        this.settings = settings;
        this.clock = clock;
    }

    private static Optional<Instant> lastByte(Path file) {
        try {
            return Optional.of(Files.getLastModifiedTime(file).toInstant());
        } catch (IOException nothingThere) {
            return Optional.empty();
        }
    }

    @Override
    public String kind() {
        return VideoJobs.EXPIRE;
    }

    @Override
    public Effect run(JobRun run) throws IOException {
        ContextId context = run.job().context();
        UUID id = orders.video(run.job());
        Video video = videos.find(context, id, Freshness.PRIMARY).block(WAIT);
        if (video == null) {
            // Removed, put together with others, or a node died before there was a row: the file may have stayed.
            files.removeUpload(context, id);
            return Effect.NONE;
        }
        if (video.state() != VideoState.UPLOADING) {
            return Effect.NONE;
        }
        Instant expires = video.uploadExpires();
        if (expires.isAfter(clock.instant())) {
            return transaction -> orders.expire(transaction, id, expires);
        }
        if (!video.part() && uploads.whole(video).blockOptional(WAIT).orElse(false)) {
            // Every byte came, but its node died before it could say so.
            uploads.complete(video).contextCapture().block(WAIT);
            return Effect.NONE;
        }
        Optional<Instant> lastByte = lastByte(files.upload(context, id));
        Instant idleUntil =
                lastByte.map(at -> at.plus(settings.uploadLifetime())).orElse(expires);
        if (idleUntil.isAfter(clock.instant())) {
            // One long request is still adding to it; the row hears of that only when the request ends.
            return transaction -> orders.expire(transaction, id, idleUntil);
        }
        return transaction -> videos.deleteExpired(transaction, id)
                .flatMap(deleted -> orders.purge(transaction, id, null).thenReturn(true))
                // It went on just now: it is looked at again when its new time is over.
                .switchIfEmpty(Mono.defer(
                        () -> orders.expire(transaction, id, clock.instant().plus(settings.uploadLifetime()))
                                .thenReturn(false)))
                .then();
    }
}
