package org.lectern.app.health;

import java.time.Duration;
import java.util.Map;
import java.util.TreeMap;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.db.replica.ReplicaStatus;
import org.lectern.db.replica.Servers;
import org.lectern.db.shard.ShardStatus;
import org.lectern.db.shard.Shards;
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
 * table). A shard or a replica that does not answer makes nobody unready, since another node would fare no better; the
 * details, which operators see, say which one it is.
 */
@Component("node")
class NodeHealthIndicator implements ReactiveHealthIndicator {

    private static final Duration PATIENCE = Duration.ofSeconds(2);

    private final Directory directory;
    private final Shards shards;
    private final Servers servers;
    private final ConnectionFactory broker;
    private final boolean consumesOnly;

    NodeHealthIndicator(Directory directory, Shards shards, Servers servers, ConnectionFactory broker, NodeRoles node) {
        this.directory = directory;
        this.shards = shards;
        this.servers = servers;
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
            health.withDetail("directory", said(data));
            health.withDetail("shards", shardsByNumber());
            health.withDetail("replicas", replicasByAddress());
            if (consumesOnly) {
                health.withDetail("broker", said(work));
            }
            return health.build();
        });
    }

    /** As this node has measured it a moment ago; nothing is asked for it. */
    private Map<Integer, String> shardsByNumber() {
        Map<Integer, String> states = new TreeMap<>();
        for (ShardStatus shard : shards.status()) {
            states.put(shard.shard(), said(shard.primaryUp()));
        }
        return states;
    }

    private Map<String, String> replicasByAddress() {
        Map<String, String> states = new TreeMap<>();
        for (ReplicaStatus replica : servers.replicas()) {
            states.put(
                    replica.address(),
                    replica.up() && !replica.eligible()
                            ? "not read: " + replica.lagMillis() + " ms behind"
                            : said(replica.up()));
        }
        return states;
    }

    private static String said(boolean answers) {
        return answers ? "answers" : "does not answer";
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
