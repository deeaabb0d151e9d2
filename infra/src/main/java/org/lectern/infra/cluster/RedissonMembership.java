package org.lectern.infra.cluster;

import java.net.InetAddress;
import java.net.URI;
import java.net.UnknownHostException;
import java.time.Duration;
import java.util.Comparator;
import java.util.EnumSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.stream.Collectors;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.redis.RedisLink;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.roles.NodeRoles;
import org.redisson.api.RScript;
import org.redisson.api.RedissonClient;
import org.redisson.client.codec.StringCodec;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.context.SmartLifecycle;
import org.springframework.core.env.Environment;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.Disposable;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import reactor.core.publisher.Sinks;
import reactor.core.scheduler.Scheduler;
import reactor.core.scheduler.Schedulers;

/**
 * Membership by leases in Redis. Each heartbeat is one script that renews this node's lease, removes what has expired by
 * Redis's own clock (so that nodes' clocks need not agree) and answers the view. A flushed Redis is full again after one
 * heartbeat of each node; while Redis is away the last view stays.
 */
@Component
final class RedissonMembership implements Membership, SmartLifecycle {

    private static final Logger log = LoggerFactory.getLogger(RedissonMembership.class);

    private static final String LEASES = "lectern:{nodes}:leases";
    private static final String NODES = "lectern:{nodes}";

    private static final String HEARTBEAT = """
            local t = redis.call('TIME')
            local now = t[1] * 1000 + math.floor(t[2] / 1000)
            redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
            redis.call('HSET', KEYS[2], ARGV[1], ARGV[3])
            for _, id in ipairs(redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', now)) do
              redis.call('ZREM', KEYS[1], id)
              redis.call('HDEL', KEYS[2], id)
            end
            return redis.call('HGETALL', KEYS[2])
            """;
    private static final String LEAVE = """
            redis.call('ZREM', KEYS[1], ARGV[1])
            return redis.call('HDEL', KEYS[2], ARGV[1])
            """;

    private final RedissonClient redis;
    private final RedisLink link;
    private final ClusterSettings settings;
    private final Environment environment;
    private final Set<NodeRole> roles;
    private final String id;
    private final Sinks.Many<List<ClusterNode>> views;

    private volatile ClusterNode self;
    private volatile List<ClusterNode> view;
    private volatile boolean running;
    private @Nullable Scheduler heart;
    private @Nullable Disposable beats;

    RedissonMembership(
            RedissonClient redis,
            RedisLink link,
            ClusterSettings settings,
            Environment environment,
            NodeRoles nodeRoles,
            IdGenerator ids) {
        this.redis = redis;
        this.link = link;
        this.settings = settings;
        this.environment = environment;
        this.roles = nodeRoles.roles();
        this.id = ids.generateId().toString();
        this.self = new ClusterNode(id, address(), roles);
        this.view = List.of(self);
        this.views = Sinks.many().replay().latestOrDefault(view);
    }

    @Override
    public ClusterNode self() {
        return self;
    }

    @Override
    public List<ClusterNode> live(NodeRole role) {
        return view.stream().filter(node -> node.roles().contains(role)).toList();
    }

    @Override
    public Flux<List<ClusterNode>> views() {
        return views.asFlux();
    }

    /**
     * Starts before, and leaves after, whatever counts on it. The web server may have no port yet; the next heartbeat
     * knows it.
     */
    @Override
    public int getPhase() {
        return SmartLifecycle.DEFAULT_PHASE - 4096;
    }

    @Override
    public boolean isRunning() {
        return running;
    }

    @Override
    public void start() {
        running = true;
        self = new ClusterNode(id, address(), roles);
        publish(merged(Map.of()));
        Scheduler own = Schedulers.newSingle("membership", true);
        heart = own;
        beats = Flux.interval(Duration.ZERO, settings.heartbeat(), own)
                .onBackpressureDrop()
                .filter(unused -> link.up())
                .concatMap(unused -> Mono.defer(this::beat).publishOn(own), 1)
                .subscribe();
    }

    @Override
    public void stop() {
        running = false;
        if (beats != null) {
            beats.dispose();
        }
        if (link.up()) {
            leave();
        }
        if (heart != null) {
            heart.dispose();
        }
    }

    private void leave() {
        try {
            script(LEAVE, RScript.ReturnType.LONG, id)
                    .timeout(Duration.ofMillis(500))
                    .onErrorComplete()
                    .block(Duration.ofSeconds(1));
        } catch (RuntimeException e) {
            log.debug("leaving the cluster; the lease will end by itself", e);
        }
    }

    private Mono<Void> beat() {
        URI address = address();
        if (!address.equals(self.address())) {
            self = new ClusterNode(id, address, roles);
        }
        return this.<List<Object>>script(
                        HEARTBEAT,
                        RScript.ReturnType.LIST,
                        id,
                        Long.toString(settings.lease().toMillis()),
                        encoded(self))
                .timeout(settings.lease())
                .doOnNext(answer -> publish(merged(decoded(answer))))
                .onErrorResume(e -> {
                    log.debug("a heartbeat was lost; the last view of the cluster stays", e);
                    return Mono.empty();
                })
                .then();
    }

    private <T> Mono<T> script(String lua, RScript.ReturnType type, Object... values) {
        return Mono.fromCompletionStage(() -> redis.getScript(StringCodec.INSTANCE)
                .<T>evalAsync(RScript.Mode.READ_WRITE, lua, type, List.of(LEASES, NODES), values));
    }

    private List<ClusterNode> merged(Map<String, ClusterNode> others) {
        Map<String, ClusterNode> all = new TreeMap<>(others);
        all.put(id, self);
        return all.values().stream()
                .sorted(Comparator.comparing(ClusterNode::id))
                .toList();
    }

    private void publish(List<ClusterNode> next) {
        if (!next.equals(view)) {
            view = next;
            log.info(
                    "cluster of {}: {}",
                    next.size(),
                    next.stream().map(ClusterNode::address).toList());
            views.tryEmitNext(next);
        }
    }

    private static String encoded(ClusterNode node) {
        return node.address() + " " + node.roles().stream().map(NodeRole::name).collect(Collectors.joining(","));
    }

    private static Map<String, ClusterNode> decoded(List<Object> answer) {
        Map<String, ClusterNode> nodes = new TreeMap<>();
        for (int i = 0; i + 1 < answer.size(); i += 2) {
            String id = answer.get(i).toString();
            try {
                String[] parts = answer.get(i + 1).toString().split(" ", 2);
                Set<NodeRole> roles = EnumSet.noneOf(NodeRole.class);
                for (String role : parts[1].split(",", -1)) {
                    roles.add(NodeRole.valueOf(role));
                }
                nodes.put(id, new ClusterNode(id, URI.create(parts[0]), roles));
            } catch (RuntimeException e) {
                // A node of another version; it is none of ours until it can be read.
                log.debug("node {} cannot be read", id, e);
            }
        }
        return nodes;
    }

    private URI address() {
        URI configured = settings.address();
        if (configured != null) {
            return configured;
        }
        String port = environment.getProperty("local.server.port", environment.getProperty("server.port", "8080"));
        return URI.create("http://" + host() + ":" + port);
    }

    private static String host() {
        try {
            return InetAddress.getLocalHost().getHostAddress();
        } catch (UnknownHostException e) {
            return InetAddress.getLoopbackAddress().getHostAddress();
        }
    }
}
