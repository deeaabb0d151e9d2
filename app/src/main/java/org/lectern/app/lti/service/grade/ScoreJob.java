package org.lectern.app.lti.service.grade;

import java.time.Duration;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.lectern.app.lti.service.endpoint.Endpoint;
import org.lectern.app.lti.service.endpoint.Endpoints;
import org.lectern.app.lti.service.endpoint.ServiceKind;
import org.lectern.app.lti.service.http.PlatformFailureException;
import org.lectern.app.lti.service.http.PlatformFailureException.Kind;
import org.lectern.app.lti.service.person.Subjects;
import org.lectern.db.ContextId;
import org.lectern.db.Freshness;
import org.lectern.infra.jobs.JobHandler;
import org.lectern.infra.jobs.JobRun;
import org.lectern.infra.jobs.RejectedJobException;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Mono;
import tools.jackson.databind.json.JsonMapper;

/**
 * Sends a person's newest score. What an earlier job has sent already, or a newer score has replaced, is not sent again.
 * A platform that has a newer score (409) keeps it; one that refuses (422 and other 4xx) is not asked again.
 */
@Component
@ConditionalOnRole(NodeRole.VIDEO)
class ScoreJob implements JobHandler {

    private static final Duration READ = Duration.ofSeconds(10);
    private static final Duration SEND = Duration.ofSeconds(50);

    private final Gradebook gradebook;
    private final Endpoints endpoints;
    private final Subjects subjects;
    private final LineItems items;
    private final JsonMapper json;

    ScoreJob(Gradebook gradebook, Endpoints endpoints, Subjects subjects, LineItems items, JsonMapper json) {
        this.gradebook = gradebook;
        this.endpoints = endpoints;
        this.subjects = subjects;
        this.items = items;
        this.json = json;
    }

    @Override
    public String kind() {
        return Gradebook.KIND;
    }

    @Override
    public Effect run(JobRun run) throws RejectedJobException {
        ContextId context = run.job().context();
        Gradebook.ScoreRef about = json.treeToValue(run.job().payload(), Gradebook.ScoreRef.class);
        Score score = gradebook.score(context, about.resource(), about.user()).block(READ);
        if (score == null || score.state() != ScoreState.QUEUED) {
            return Effect.NONE;
        }
        @Nullable PlatformFailureException refusal = null;
        try {
            sent(context, score).contextCapture().block(SEND);
        } catch (PlatformFailureException failure) {
            refusal = failure;
        }
        if (refusal == null) {
            return transaction -> gradebook.settle(transaction, score, ScoreState.SENT, null);
        }
        if (refusal.status() == 409) {
            return transaction ->
                    gradebook.settle(transaction, score, ScoreState.SUPERSEDED, "the platform has a newer score");
        }
        if (refusal.kind() == Kind.PASSING) {
            throw refusal;
        }
        throw new RejectedJobException(refusal.detail());
    }

    private Mono<Void> sent(ContextId context, Score score) {
        return gradebook
                .column(context, new GradedResource(score.resource()), Freshness.PRIMARY)
                .switchIfEmpty(Mono.error(() -> missing("the resource has no column in the gradebook")))
                .flatMap(column -> endpoint(context)
                        .flatMap(endpoint -> subjects.subjects(endpoint.registration(), Set.of(score.userId()))
                                .mapNotNull(known -> known.get(score.userId()))
                                .switchIfEmpty(
                                        Mono.error(() -> missing("the person came without an id of the platform's")))
                                .flatMap(subject -> items.send(endpoint, column.url(), subject, score))));
    }

    private Mono<Endpoint> endpoint(ContextId context) {
        return endpoints
                .find(context, ServiceKind.LINE_ITEMS)
                .switchIfEmpty(Mono.error(() -> missing("no launch of this course offered its gradebook")));
    }

    private static PlatformFailureException missing(String detail) {
        return new PlatformFailureException(Kind.NOT_OFFERED, detail);
    }
}
