package org.lectern.infra.embedded;

/** A service that can be started privately. */
public enum EmbeddedService {
    /** PostgreSQL: one primary and its replicas. */
    POSTGRESQL,
    /** Redis. */
    REDIS,
    /** RabbitMQ. */
    RABBITMQ
}
