package org.lectern.app.lti.service.notice;

import java.time.Clock;
import java.time.Duration;
import org.lectern.app.session.Expiring;
import org.lectern.db.directory.Directory;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;

/** Notices are shown to operators for 90 days. One that is sent again later is too old for its rules anyway. */
@Component
@ConditionalOnRole(NodeRole.WEB)
class NoticeRetention implements Expiring {

    private static final Duration KEPT = Duration.ofDays(90);

    private final Directory directory;
    private final Clock clock;

    NoticeRetention(Directory directory, Clock clock) {
        this.directory = directory;
        this.clock = clock;
    }

    @Override
    public String expiring() {
        return "notices";
    }

    @Override
    public Mono<Long> removeExpired() {
        return directory.write(sql -> sql.sql("delete from lti_notice where received_at < :then")
                .bind("then", clock.instant().minus(KEPT))
                .fetch()
                .rowsUpdated());
    }
}
