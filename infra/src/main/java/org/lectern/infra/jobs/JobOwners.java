package org.lectern.infra.jobs;

import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.jspecify.annotations.Nullable;
import org.springframework.beans.factory.ObjectProvider;

/**
 * The owners on this node, by the kinds of their jobs. They are looked up late, since most owners also ask for jobs.
 * Thread-safe.
 */
final class JobOwners {

    private final ObjectProvider<JobOwner> beans;
    private volatile @Nullable Map<String, JobOwner> byKind;

    JobOwners(ObjectProvider<JobOwner> beans) {
        this.beans = beans;
    }

    /** What the job's owner writes when it ends without its effect. */
    JobHandler.Effect ended(Job job, String cause) {
        JobOwner owner = owners().get(job.kind());
        return owner == null ? JobHandler.Effect.NONE : owner.ended(job, cause);
    }

    /** What the job's owner writes when it is put back. */
    JobHandler.Effect replayed(Job job) {
        JobOwner owner = owners().get(job.kind());
        return owner == null ? JobHandler.Effect.NONE : owner.replayed(job);
    }

    private Map<String, JobOwner> owners() {
        Map<String, JobOwner> known = byKind;
        if (known == null) {
            known = index(beans.orderedStream().toList());
            byKind = known;
        }
        return known;
    }

    private static Map<String, JobOwner> index(List<JobOwner> owners) {
        Map<String, JobOwner> index = new HashMap<>();
        for (JobOwner owner : owners) {
            for (String kind : owner.kinds()) {
                if (index.put(kind, owner) != null) {
                    throw new IllegalStateException("Two owners of jobs of kind " + kind);
                }
            }
        }
        return Map.copyOf(index);
    }
}
