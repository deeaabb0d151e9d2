package org.lectern.video.work;

import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.video.VideoSettings;
import org.lectern.video.orders.VideoJobs;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/** What follows when a video can be played: copies in the other regions, and its end where videos are not kept for good. */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class Published {

    private final VideoJobs orders;
    private final VideoSettings settings;
    private final Clock clock;

    Published(VideoJobs orders, VideoSettings settings, Clock clock) {
        this.orders = orders;
        this.settings = settings;
        this.clock = clock;
    }

    /** It can be played for the first time. */
    Mono<Void> begin(ShardTransaction transaction, UUID video, UUID output) {
        @Nullable Duration retention = settings.retention();
        return improve(transaction, video, output)
                .then(retention == null ? Mono.empty() : retire(transaction, video, retention));
    }

    private Mono<Void> retire(ShardTransaction transaction, UUID video, Duration retention) {
        Instant now = clock.instant();
        return orders.retire(transaction, video, now, now.plus(retention));
    }

    /** More of it can be played. */
    Mono<Void> improve(ShardTransaction transaction, UUID video, UUID output) {
        return orders.replicate(transaction, video, output);
    }
}
