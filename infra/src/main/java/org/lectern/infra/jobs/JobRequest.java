package org.lectern.infra.jobs;

import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import tools.jackson.databind.JsonNode;

/**
 * What somebody asks to be done.
 *
 * @param id the job's id (UUIDv7); asking again with the same id is harmless
 * @param type which queues carry it
 * @param kind which {@link JobHandler} runs it, such as {@code video.transcode}
 * @param lane which workers run it
 * @param score priority: higher starts first under a backlog; 0 is the usual (J2: video adds +10, +5, +15)
 * @param payload what the handler needs, small (at most 64 KiB as JSON)
 * @param runAt not before this time; null for now
 */
public record JobRequest(
        UUID id,
        JobType type,
        String kind,
        Lane lane,
        int score,
        JsonNode payload,
        @Nullable Instant runAt) {}
