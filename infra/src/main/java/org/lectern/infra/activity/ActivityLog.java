package org.lectern.infra.activity;

import java.util.Collection;
import org.lectern.db.shard.ShardTransaction;
import reactor.core.publisher.Mono;

/** Records activity inside the transaction of what caused it: one fact, one commit. Available on every node. */
public interface ActivityLog {

    /**
     * Records each activity once (by its id within the context), in one statement. Nothing at all is fine. An activity
     * is counted by analytics within seconds after the commit; however late the commit comes, it is counted once.
     */
    Mono<Void> record(ShardTransaction transaction, Collection<Activity> activities);
}
