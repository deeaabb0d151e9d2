package org.lectern.video.work;

import java.time.Duration;
import java.util.List;
import java.util.UUID;
import org.lectern.db.ContextId;
import org.lectern.infra.jobs.JobHandler;
import org.lectern.infra.jobs.JobRun;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.storage.ObjectStorage.StoredObject;
import org.lectern.infra.storage.RegionalStorage;
import org.lectern.video.VideoFiles;
import org.lectern.video.library.Contents;
import org.lectern.video.orders.VideoJobs;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Removes, in all regions, the outputs of a content that no video names: of attempts that failed, whose node was killed, or that another
 * attempt overtook. While more is being made, which nobody names yet, it removes nothing and looks again later.
 */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class TidyJob implements JobHandler {

    private static final int REGIONS_AT_ONCE = 8;
    private static final Duration READ = Duration.ofSeconds(10);
    private static final Duration REMOVE = Duration.ofSeconds(45);

    private final Contents contents;
    private final VideoJobs orders;
    private final RegionalStorage storage;
    private final VideoFiles files;

    TidyJob(Contents contents, VideoJobs orders, RegionalStorage storage, VideoFiles files) {
        this.contents = contents;
        this.orders = orders;
        this.storage = storage;
        this.files = files;
    }

    @Override
    public String kind() {
        return VideoJobs.TIDY;
    }

    @Override
    public Effect run(JobRun run) {
        ContextId context = run.job().context();
        VideoJobs.TidyOrder order = orders.tidyOrder(run.job());
        UUID content = order.content();
        String prefix = VideoFiles.prefix(context, content);
        // What is stored first, what is named then: an output that is finished in between is named.
        List<String> outputs = storage.all()
                .flatMap(region -> region.list(prefix))
                .map(StoredObject::key)
                // What is no output of ours is left alone.
                .filter(key -> files.owns(key) && key.indexOf('/', prefix.length()) > 0)
                .map(key -> key.substring(prefix.length(), key.indexOf('/', prefix.length())))
                .distinct()
                .collectList()
                .blockOptional(REMOVE)
                .orElseThrow();
        Contents.Named named =
                contents.named(context, content).blockOptional(READ).orElseThrow();
        if (named.busy()) {
            return transaction -> orders.tidyAgain(transaction, order);
        }
        Flux.fromIterable(outputs)
                .filter(output -> !named.outputs().contains(UUID.fromString(output)))
                .concatMap(output -> storage.all()
                        .flatMapDelayError(region -> region.deleteAll(prefix + output + "/"), REGIONS_AT_ONCE, 1)
                        .then(Mono.just(output)))
                .blockLast(REMOVE);
        return Effect.NONE;
    }
}
