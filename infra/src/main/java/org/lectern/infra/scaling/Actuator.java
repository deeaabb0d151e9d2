package org.lectern.infra.scaling;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;
import reactor.core.publisher.Mono;

/** Changes how much of something there is. Carried out by the module that owns the thing; idempotent. */
public interface Actuator {

    /** What this actuator changes. */
    Resource resource();

    /**
     * Brings the subject to a count.
     *
     * @return the count in force afterwards, read back from the thing itself
     */
    Mono<Integer> scale(String subject, int count);

    /** What can be scaled. */
    enum Resource {
        /** Read replicas of a database. */
        REPLICAS,
        /** Consumers of a queue. */
        CONSUMERS,
        /** Shards of a chat room. */
        ROOM_SHARDS,
        /** Nodes. */
        NODES;

        /** The name in the database and in JSON: lower case. */
        @JsonValue
        public String key() {
            return name().toLowerCase(Locale.ROOT);
        }
    }
}
