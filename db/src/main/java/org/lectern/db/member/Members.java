package org.lectern.db.member;

import java.util.Collection;
import java.util.UUID;
import org.jspecify.annotations.Nullable;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.db.shard.ShardTransaction;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The people of courses (row D6). Thread-safe and non-blocking. */
public interface Members {

    /** The most members that one call reads, writes or lists. */
    int MAX_BATCH = 1000;

    /** One member; empty when the person has not been seen in the course. */
    Mono<Member> find(ContextId context, UUID userId, Freshness freshness);

    /**
     * Those of the given people who are members, in one statement and in no particular order.
     *
     * @throws IllegalArgumentException for more than {@link #MAX_BATCH} people
     */
    Flux<Member> findAll(ContextId context, Collection<UUID> userIds, Freshness freshness);

    /**
     * One page of the members of a course, by ascending user id.
     *
     * @param after the last user id of the page before (exclusive), null for the first page
     * @param limit at most {@link #MAX_BATCH}
     */
    Flux<Member> list(ContextId context, @Nullable UUID after, int limit, Freshness freshness);

    /**
     * Writes a member into the transaction: new, or over what was there. What the new one does not know (name, email,
     * section: null) stays; {@code firstSeen} only moves back and {@code lastSeen} only forward, and roles are those of the
     * later of the two, so that the order of arrival does not matter.
     *
     * @throws IllegalArgumentException when the member is of another course than the transaction
     */
    Mono<Void> upsert(ShardTransaction transaction, Member member);

    /** The same for many, in one statement. Each person may stand in it once. */
    Mono<Void> upsertAll(ShardTransaction transaction, Collection<Member> members);
}
