package org.lectern.app.lti.service.notice;

import java.time.Clock;
import java.time.Duration;
import java.util.Set;
import org.lectern.app.lti.service.call.ServiceCalls;
import org.lectern.app.lti.service.endpoint.Endpoint;
import org.lectern.app.lti.service.endpoint.Endpoints;
import org.lectern.app.lti.service.endpoint.ServiceKind;
import org.lectern.app.lti.service.http.PlatformFailureException;
import org.lectern.app.lti.service.http.PlatformRequest;
import org.lectern.db.directory.Directory;
import org.lectern.infra.jobs.JobHandler;
import org.lectern.infra.jobs.JobRun;
import org.lectern.infra.jobs.RejectedJobException;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.http.HttpMethod;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/** Sets Lectern's handler for notices of a deployment (PNS 1.0, section 3). Asking twice changes nothing. */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class NoticeOrderJob implements JobHandler {

    /** The kind of the job. */
    static final String KIND = "lti.notices";

    private static final Set<String> SCOPES = Set.of("https://purl.imsglobal.org/spec/lti/scope/noticehandlers");
    private static final String JSON = "application/json";
    private static final Duration PATIENCE = Duration.ofSeconds(50);

    private final Endpoints endpoints;
    private final ServiceCalls calls;
    private final Directory directory;
    private final JsonMapper json;
    private final Clock clock;

    NoticeOrderJob(Endpoints endpoints, ServiceCalls calls, Directory directory, JsonMapper json, Clock clock) {
        this.endpoints = endpoints;
        this.calls = calls;
        this.directory = directory;
        this.json = json;
        this.clock = clock;
    }

    @Override
    public String kind() {
        return KIND;
    }

    @Override
    public Effect run(JobRun run) throws RejectedJobException {
        NoticeOrders.Order order = json.treeToValue(run.job().payload(), NoticeOrders.Order.class);
        try {
            endpoints
                    .find(run.job().context(), ServiceKind.NOTICES)
                    .flatMapMany(endpoint -> Flux.fromIterable(order.types())
                            .concatMap(
                                    type -> set(endpoint, type, order.handler().toString())))
                    .then()
                    .contextCapture()
                    .block(PATIENCE);
        } catch (PlatformFailureException failure) {
            if (failure.kind() == PlatformFailureException.Kind.PASSING) {
                throw failure;
            }
            throw new RejectedJobException(failure.detail());
        }
        return Effect.NONE;
    }

    private Mono<Long> set(Endpoint endpoint, String type, String handler) {
        String body = json.createObjectNode()
                .put("notice_type", type)
                .put("handler", handler)
                .toString();
        return calls.call(
                        endpoint.registration(),
                        SCOPES,
                        new PlatformRequest("notices", HttpMethod.PUT, endpoint.url(), JSON, JSON, body, true))
                .then(directory.write(sql -> sql.sql("""
                                insert into lti_notice_handler (registration_id, deployment_id, type, handler, ordered_at)
                                values (:registration, :deployment, :type, :handler, :now)
                                on conflict (registration_id, deployment_id, type)
                                do update set handler = excluded.handler, ordered_at = excluded.ordered_at""")
                        .bind("registration", endpoint.registration().id())
                        .bind("deployment", endpoint.deploymentId())
                        .bind("type", type)
                        .bind("handler", handler)
                        .bind("now", clock.instant())
                        .fetch()
                        .rowsUpdated()));
    }
}
