package org.lectern.app.lti.registration;

import java.time.Clock;
import java.time.Duration;
import org.lectern.app.session.Expiring;
import org.lectern.app.session.Secrets;
import org.lectern.db.directory.Directory;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/** Tokens that registered a platform, as digests: each does so once, whatever the platform itself would permit. */
@Component
@ConditionalOnRole(NodeRole.WEB)
class RegistrationTokens implements Expiring {

    /** Longer than any platform lets such a token live. */
    private static final Duration KEPT = Duration.ofDays(30);

    private final Directory directory;
    private final Clock clock;

    RegistrationTokens(Directory directory, Clock clock) {
        this.directory = directory;
        this.clock = clock;
    }

    /** Takes a token; false when it was taken before, on any node. */
    Mono<Boolean> take(String token) {
        return directory.write(sql -> sql.sql(
                        "insert into lti_registration_token (digest, used_at) values (:digest, :now) on conflict do nothing")
                .bind("digest", Secrets.digest(token))
                .bind("now", clock.instant())
                .fetch()
                .rowsUpdated()
                .map(inserted -> inserted == 1));
    }

    @Override
    public String expiring() {
        return "registration tokens";
    }

    @Override
    public Mono<Long> removeExpired() {
        return directory.write(sql -> sql.sql("delete from lti_registration_token where used_at < :then")
                .bind("then", clock.instant().minus(KEPT))
                .fetch()
                .rowsUpdated());
    }
}
