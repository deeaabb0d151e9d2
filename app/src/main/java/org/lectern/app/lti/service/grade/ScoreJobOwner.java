package org.lectern.app.lti.service.grade;

import java.util.Set;
import org.lectern.infra.jobs.Job;
import org.lectern.infra.jobs.JobHandler;
import org.lectern.infra.jobs.JobOwner;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;
import tools.jackson.databind.json.JsonMapper;

/** Shows staff why a score did not arrive, when its job ends without sending it. */
@Component
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
class ScoreJobOwner implements JobOwner {

    private final Gradebook gradebook;
    private final JsonMapper json;

    ScoreJobOwner(Gradebook gradebook, JsonMapper json) {
        this.gradebook = gradebook;
        this.json = json;
    }

    @Override
    public Set<String> kinds() {
        return Set.of(Gradebook.KIND);
    }

    @Override
    public JobHandler.Effect ended(Job job, String cause) {
        Gradebook.ScoreRef about = json.treeToValue(job.payload(), Gradebook.ScoreRef.class);
        return transaction -> gradebook.refuse(transaction, about, cause);
    }

    /** The job sends what is queued. */
    @Override
    public JobHandler.Effect replayed(Job job) {
        Gradebook.ScoreRef about = json.treeToValue(job.payload(), Gradebook.ScoreRef.class);
        return transaction -> gradebook.queueAgain(transaction, about);
    }
}
