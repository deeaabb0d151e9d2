package org.lectern.infra.latency;

import java.time.Duration;
import org.lectern.db.ContextId;

/**
 * Takes note of how long people of a course waited for an answer. A measurement, not a fact to rely on: kept in memory
 * for a few seconds, then added to the course's histogram; what a killed node had not yet written is lost. Thread-safe,
 * never blocks.
 */
public interface ResponseTimes {

    /** Notes one answer: an API request until its response began, or a chat frame until its acknowledgement. */
    void record(ContextId context, Duration elapsed);
}
