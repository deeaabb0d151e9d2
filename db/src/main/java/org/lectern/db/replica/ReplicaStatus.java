package org.lectern.db.replica;

/**
 * What this node knows of a replica.
 *
 * @param server name of the server it follows
 * @param address host:port
 * @param region where it is; empty when not configured
 * @param weight its share of the reads
 * @param up whether it answers
 * @param eligible whether reads may go to it now
 * @param lagMillis for how long it has lacked something of the primary's log
 * @param lagBytes how much of the log it lacks
 */
public record ReplicaStatus(
        String server,
        String address,
        String region,
        int weight,
        boolean up,
        boolean eligible,
        long lagMillis,
        long lagBytes) {}
