package org.lectern.analytics.capacity;

import java.time.Duration;
import org.springframework.r2dbc.core.DatabaseClient;
import reactor.core.publisher.Mono;

/**
 * Which node makes the decisions: a row with a holder and an end, by the clock of the database. Who lost it cannot write
 * any more, because {@link #held} locks the row in the very transaction that writes.
 */
final class ControlLease {

    private static final String NAME = "capacity";

    private static final String TAKE = """
            insert into control_lease as l (name, holder, until)
            values (:name, :holder, now() + make_interval(secs => :seconds))
            on conflict (name) do update set holder = excluded.holder, until = excluded.until
            where l.holder = excluded.holder or l.until < now()
            """;

    private static final String HELD =
            "select count(*) from (select 1 from control_lease where name = :name and holder = :holder"
                    + " and until > now() for update) l";

    private ControlLease() {}

    /** Takes the free lease, or renews one's own; false when another node has it. */
    static Mono<Boolean> take(DatabaseClient sql, String holder, Duration length) {
        return sql.sql(TAKE)
                .bind("name", NAME)
                .bind("holder", holder)
                .bind("seconds", (double) length.toSeconds())
                .fetch()
                .rowsUpdated()
                .map(rows -> rows == 1);
    }

    /** Whether the holder has the lease, which then cannot change hands before the transaction ends. */
    static Mono<Boolean> held(DatabaseClient sql, String holder) {
        return sql.sql(HELD)
                .bind("name", NAME)
                .bind("holder", holder)
                .mapValue(Long.class)
                .one()
                .map(rows -> rows == 1);
    }
}
