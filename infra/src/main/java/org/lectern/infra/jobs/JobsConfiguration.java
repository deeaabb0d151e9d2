package org.lectern.infra.jobs;

import io.micrometer.core.instrument.MeterRegistry;
import java.time.Clock;
import java.util.EnumSet;
import java.util.Set;
import org.lectern.db.shard.Shards;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.infra.roles.NodeRoles;
import org.lectern.infra.telemetry.TraceCarrier;
import org.springframework.amqp.rabbit.connection.CachingConnectionFactory;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.util.IdGenerator;
import tools.jackson.databind.json.JsonMapper;

/**
 * The job engine of a node: asking for jobs everywhere, the relay and the workers where a role consumes. The role video
 * consumes video and notification jobs, the role analytics those of analytics.
 */
@Configuration(proxyBeanMethods = false)
class JobsConfiguration {

    @Bean
    JobNudge jobNudge() {
        return new JobNudge();
    }

    @Bean
    JobChanges jobChanges() {
        return new JobChanges();
    }

    @Bean
    JobOwners jobOwners(ObjectProvider<JobOwner> owners) {
        return new JobOwners(owners);
    }

    @Bean
    Jobs jobs(
            Shards shards,
            JsonMapper json,
            Clock clock,
            TraceCarrier traces,
            JobNudge nudge,
            JobChanges changes,
            JobOwners owners,
            MeterRegistry meters) {
        return new PostgresJobs(shards, json, clock, traces, nudge, changes, owners, meters);
    }

    @Bean
    JobShards jobShards(Shards shards, Clock clock) {
        return new JobShards(shards, clock);
    }

    @Bean
    JobStore jobStore(Shards shards, JobShards each, JsonMapper json, Clock clock) {
        return new JobStore(shards, each, json, clock);
    }

    @Bean
    JobLeases jobLeases(
            Shards shards,
            JobShards each,
            JsonMapper json,
            Clock clock,
            JobSettings settings,
            JobOwners owners,
            MeterRegistry meters) {
        return new JobLeases(shards, each, json, clock, settings.lease(), owners, meters);
    }

    @Bean
    @ConditionalOnRole(NodeRole.ANALYTICS)
    JobSignals jobSignals(JobStore store, Clock clock) {
        return new JobSignals(store, clock);
    }

    /** What only nodes with consumers have. */
    @Configuration(proxyBeanMethods = false)
    @ConditionalOnRole({NodeRole.VIDEO, NodeRole.ANALYTICS})
    static class Consuming {

        @Bean
        JobBroker jobBroker(CachingConnectionFactory connections, JsonMapper json, JobSettings settings) {
            return new JobBroker(connections, json, new JobTopology(settings.queueType()));
        }

        @Bean
        JobConsumers jobConsumers(JobBroker broker, QueueConsumers consumers, JobSettings settings, NodeRoles roles) {
            return new JobConsumers(broker, consumers, settings.maxConsumers(), types(roles));
        }

        @Bean
        JobsHealth jobsHealthIndicator(JobBroker broker) {
            return new JobsHealth(broker);
        }

        @Bean
        QueueTimes queueTimes() {
            return new QueueTimes();
        }

        @Bean
        QueueConsumers queueConsumers(JobBroker broker) {
            return new QueueConsumers(broker);
        }

        @Bean
        JobAttempts jobAttempts(
                JobLeases leases,
                Clock clock,
                JobSettings settings,
                TraceCarrier traces,
                MeterRegistry meters,
                JobChanges changes,
                QueueTimes times,
                ObjectProvider<JobHandler> handlers) {
            return new JobAttempts(
                    leases,
                    clock,
                    settings,
                    traces,
                    meters,
                    changes,
                    times,
                    handlers.orderedStream().toList());
        }

        @Bean
        JobWorker jobWorker(
                JobLeases leases,
                JobStore store,
                JobBroker broker,
                JobSettings settings,
                JsonMapper json,
                IdGenerator ids,
                MeterRegistry meters,
                JobNudge nudge,
                NodeRoles roles,
                JobAttempts attempts,
                QueueConsumers consumers) {
            return new JobWorker(
                    leases, store, broker, settings, json, ids, meters, nudge, types(roles), attempts, consumers);
        }

        @Bean
        JobRelay jobRelay(
                JobStore store,
                JobLeases leases,
                JobBroker broker,
                JobWorker worker,
                QueueConsumers consumers,
                JobSettings settings,
                MeterRegistry meters,
                JobNudge nudge,
                JobChanges changes,
                QueueTimes times,
                NodeRoles roles,
                IdGenerator ids) {
            String node = ids.generateId().toString();
            return new JobRelay(
                    store,
                    leases,
                    broker,
                    worker,
                    consumers,
                    settings,
                    meters,
                    nudge,
                    changes,
                    times,
                    types(roles),
                    node);
        }

        private static Set<JobType> types(NodeRoles roles) {
            Set<JobType> types = EnumSet.noneOf(JobType.class);
            if (roles.has(NodeRole.VIDEO)) {
                types.add(JobType.VIDEO);
                types.add(JobType.NOTIFICATIONS);
            }
            if (roles.has(NodeRole.ANALYTICS)) {
                types.add(JobType.ANALYTICS);
            }
            return types;
        }
    }
}
