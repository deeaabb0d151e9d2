package org.lectern.app.lti.platform;

import java.time.Clock;
import java.time.Duration;
import java.util.Objects;
import java.util.UUID;
import org.lectern.app.session.Expiring;
import org.lectern.db.directory.Directory;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/** Platforms that registered themselves and that no operator answered for two weeks; they may register again. */
@Component
@ConditionalOnRole(NodeRole.WEB)
class WaitingRegistrations implements Expiring {

    private static final Duration KEPT = Duration.ofDays(14);

    private final Directory directory;
    private final RegistrationMemory memory;
    private final Clock clock;

    WaitingRegistrations(Directory directory, RegistrationMemory memory, Clock clock) {
        this.directory = directory;
        this.memory = memory;
        this.clock = clock;
    }

    @Override
    public String expiring() {
        return "waiting registrations";
    }

    @Override
    public Mono<Long> removeExpired() {
        // Locked first: an operator who approves one meanwhile keeps it, with its deployments.
        return directory
                .write(sql -> sql.sql("""
                        select id from lti_registration
                        where approval = 'pending' and source = 'dynamic' and created_at < :then
                        order by id limit 1000 for update""")
                        .bind("then", clock.instant().minus(KEPT))
                        .map(row -> Objects.requireNonNull(row.get("id", UUID.class)))
                        .all()
                        .collectList()
                        .filter(expired -> !expired.isEmpty())
                        .flatMap(expired -> sql.sql("delete from lti_deployment where registration_id = any(:ids)")
                                .bind("ids", expired.toArray(UUID[]::new))
                                .fetch()
                                .rowsUpdated()
                                .then(sql.sql("delete from lti_registration where id = any(:ids)")
                                        .bind("ids", expired.toArray(UUID[]::new))
                                        .fetch()
                                        .rowsUpdated()))
                        .defaultIfEmpty(0L))
                .delayUntil(removed -> removed > 0 ? memory.forget() : Mono.empty());
    }
}
