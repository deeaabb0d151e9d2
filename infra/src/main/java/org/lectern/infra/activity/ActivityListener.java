package org.lectern.infra.activity;

import java.util.Collection;
import org.lectern.db.shard.ShardTransaction;
import reactor.core.publisher.Mono;

/**
 * Is told of activity in the transaction that records it, so that what follows from it (a grade) commits with it or not
 * at all. Called on the node that records; an error undoes the whole transaction, and the transaction waits, so it does
 * little and asks no other server. The same activity may come twice.
 */
@FunctionalInterface
public interface ActivityListener {

    /** What was recorded, all of the transaction's course. */
    Mono<Void> recorded(ShardTransaction transaction, Collection<Activity> activities);
}
