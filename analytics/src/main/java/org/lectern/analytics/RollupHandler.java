package org.lectern.analytics;

import java.util.Set;
import org.lectern.infra.jobs.Job;
import org.lectern.infra.jobs.JobHandler;
import org.lectern.infra.jobs.JobOwner;
import org.lectern.infra.jobs.JobRun;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.stereotype.Component;

/** The analytics job: all of its work is its effect, so that it commits with the job or not at all. */
@Component
@ConditionalOnRole(NodeRole.ANALYTICS)
final class RollupHandler implements JobHandler, JobOwner {

    /** The kind under which rollups are submitted. */
    static final String KIND = "analytics.rollup";

    private final Rollups rollups;

    RollupHandler(Rollups rollups) {
        this.rollups = rollups;
    }

    @Override
    public String kind() {
        return KIND;
    }

    @Override
    public Effect run(JobRun run) {
        return transaction -> rollups.count(transaction, run.job().id()).then();
    }

    @Override
    public Set<String> kinds() {
        return Set.of(KIND);
    }

    @Override
    public Effect ended(Job job, String cause) {
        return transaction -> rollups.giveUp(transaction, job.id());
    }
}
