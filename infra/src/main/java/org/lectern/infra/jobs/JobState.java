package org.lectern.infra.jobs;

import com.fasterxml.jackson.annotation.JsonValue;
import java.util.Locale;

/** Where a job stands. {@link #mayBecome} is the one place that says which moves are legal. */
public enum JobState {
    /** Waits for its {@code run_at}; also between two attempts. */
    WAITING,
    /** Its id has been handed to the broker. */
    PUBLISHED,
    /** A worker holds its lease. */
    RUNNING,
    /** Its effect is committed. */
    DONE,
    /** All attempts are used up: on the dead-letter list until an operator replays or discards it. */
    DEAD,
    /** Ended on request before its effect. */
    CANCELLED,
    /** Taken off the dead-letter list by an operator. */
    DISCARDED;

    /** Whether a job may go from this state to the other. */
    public boolean mayBecome(JobState next) {
        return switch (this) {
            case WAITING -> next == PUBLISHED || next == RUNNING || next == CANCELLED;
            case PUBLISHED -> next == RUNNING || next == WAITING || next == CANCELLED;
            case RUNNING -> next == DONE || next == WAITING || next == DEAD || next == CANCELLED;
            case DEAD -> next == WAITING || next == DISCARDED;
            case DONE, CANCELLED, DISCARDED -> false;
        };
    }

    /** The name on the wire: lower case. */
    @JsonValue
    public String key() {
        return name().toLowerCase(Locale.ROOT);
    }
}
