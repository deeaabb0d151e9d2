package org.lectern.app.health;

import java.time.Duration;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.roles.NodeRoles;
import org.springframework.amqp.rabbit.connection.ConnectionFactory;
import org.springframework.boot.health.contributor.Health;
import org.springframework.boot.health.contributor.ReactiveHealthIndicator;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;
import reactor.core.scheduler.Schedulers;

/**
 * Ready when what the roles cannot do without answers: the directory database for every role; the broker for nodes that
 * only consume jobs. Redis is missed by none, and the web and chat roles serve without a broker (jobs wait in their
 * table).
 */
@Component("node")
class NodeHealthIndicator implements ReactiveHealthIndicator {

    private static final Duration PATIENCE = Duration.ofSeconds(2);

    private final Directory directory;
    private final ConnectionFactory broker;
    private final boolean consumesOnly;

    NodeHealthIndicator(Directory directory, ConnectionFactory broker, NodeRoles node) {
        this.directory = directory;
        this.broker = broker;
        this.consumesOnly = !node.has(NodeRole.WEB) && !node.has(NodeRole.CHAT);
    }

    @Override
    public Mono<Health> health() {
        Mono<Boolean> database = answers(directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("select 1").map(row -> true).one())
                .then(Mono.just(true)));
        Mono<Boolean> queue = consumesOnly
                ? answers(Mono.fromCallable(this::brokerOpen).subscribeOn(Schedulers.boundedElastic()))
                : Mono.just(true);
        return Mono.zip(database, queue, (data, work) -> {
            var health = data && work ? Health.up() : Health.outOfService();
            health.withDetail("directory", data ? "answers" : "does not answer");
            if (consumesOnly) {
                health.withDetail("broker", work ? "answers" : "does not answer");
            }
            return health.build();
        });
    }

    private boolean brokerOpen() {
        try (var connection = broker.createConnection()) {
            return connection.isOpen();
        }
    }

    private static Mono<Boolean> answers(Mono<Boolean> question) {
        return question.timeout(PATIENCE).onErrorReturn(false);
    }
}
