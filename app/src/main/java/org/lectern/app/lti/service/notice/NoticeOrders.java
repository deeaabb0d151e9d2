package org.lectern.app.lti.service.notice;

import com.github.benmanes.caffeine.cache.Cache;
import com.github.benmanes.caffeine.cache.Caffeine;
import java.net.URI;
import java.time.Duration;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.UUID;
import org.lectern.app.lti.launch.Claims;
import org.lectern.app.lti.launch.LaunchFacts;
import org.lectern.app.lti.launch.LaunchListener;
import org.lectern.app.lti.service.ServiceProperties;
import org.lectern.db.Freshness;
import org.lectern.db.directory.Directory;
import org.lectern.db.shard.Shards;
import org.lectern.infra.jobs.JobRequest;
import org.lectern.infra.jobs.JobType;
import org.lectern.infra.jobs.Jobs;
import org.lectern.infra.jobs.Lane;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import org.springframework.util.IdGenerator;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/**
 * Asks a deployment for notices when a launch shows for the first time that it sends some of those Lectern wants: by a
 * job, since the launch does not wait for another request to the platform.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
class NoticeOrders implements LaunchListener {

    private final Directory directory;
    private final Shards shards;
    private final Jobs jobs;
    private final ServiceProperties settings;
    private final JsonMapper json;
    private final IdGenerator ids;
    private final Cache<Asked, Boolean> asked = Caffeine.newBuilder()
            .maximumSize(10_000)
            .expireAfterWrite(Duration.ofMinutes(10))
            .build();

    NoticeOrders(
            Directory directory,
            Shards shards,
            Jobs jobs,
            ServiceProperties settings,
            JsonMapper json,
            IdGenerator ids) {
        this.directory = directory;
        this.shards = shards;
        this.jobs = jobs;
        this.settings = settings;
        this.json = json;
        this.ids = ids;
    }

    @Override
    public Mono<Void> launched(LaunchFacts facts) {
        Map<?, ?> claim = Claims.object(facts.claims(), Claims.LTI + "platformnotificationservice");
        if (claim == null || Claims.text(claim, "platform_notification_service_url") == null) {
            return Mono.empty();
        }
        List<String> types = Claims.texts(claim, "notice_types_supported").stream()
                .filter(settings.noticeTypes()::contains)
                .sorted()
                .toList();
        var order = new Order(types, facts.origin().resolve("/lti/notices"));
        if (types.isEmpty()
                || asked.asMap().putIfAbsent(new Asked(facts.registration().id(), facts.deploymentId(), order), true)
                        != null) {
            return Mono.empty();
        }
        return known(facts, order).filter(count -> count < types.size()).flatMap(some -> submit(facts, order));
    }

    private Mono<Long> known(LaunchFacts facts, Order order) {
        return directory
                .read(
                        Freshness.PRIMARY,
                        sql -> sql.sql("""
                                select count(*) as known from lti_notice_handler
                                where registration_id = :registration and deployment_id = :deployment
                                  and type = any(:types) and handler = :handler""")
                                .bind("registration", facts.registration().id())
                                .bind("deployment", facts.deploymentId())
                                .bind("types", order.types().toArray(String[]::new))
                                .bind("handler", order.handler().toString())
                                .map(row -> Objects.requireNonNull(row.get("known", Long.class)))
                                .one())
                .single();
    }

    private Mono<Void> submit(LaunchFacts facts, Order order) {
        return shards.write(
                        facts.context(),
                        transaction -> jobs.submit(
                                        transaction,
                                        new JobRequest(
                                                ids.generateId(),
                                                JobType.NOTIFICATIONS,
                                                NoticeOrderJob.KIND,
                                                Lane.STANDARD,
                                                0,
                                                json.valueToTree(order),
                                                null))
                                .thenReturn(true))
                .then();
    }

    /**
     * What to ask a deployment for.
     *
     * @param types types of notices
     * @param handler where they go
     */
    record Order(List<String> types, URI handler) {

        /** Copies the list. */
        Order {
            types = List.copyOf(types);
        }
    }

    private record Asked(UUID registration, String deployment, Order order) {}
}
