package org.lectern.video.work;

import java.util.UUID;
import org.lectern.db.shard.ShardTransaction;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.video.library.Video;
import org.lectern.video.orders.VideoJobs;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/** What follows when something was stored that nobody will play. */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class Discarded {

    private final VideoJobs orders;

    Discarded(VideoJobs orders) {
        this.orders = orders;
    }

    /** The video was deleted while it was made: its content goes, or is tidied where other videos have it. */
    Mono<Void> by(ShardTransaction transaction, Video deleted) {
        return orders.purge(transaction, deleted.id(), deleted.content()).then(tidy(transaction, deleted));
    }

    /** Earlier attempts may have left outputs. */
    Mono<Void> tidy(ShardTransaction transaction, Video video) {
        UUID content = video.content();
        return content == null ? Mono.empty() : orders.tidy(transaction, content);
    }
}
