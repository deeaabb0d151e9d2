package org.lectern.chat.log;

import java.util.List;
import org.lectern.chat.protocol.ServerFrame;

/**
 * A committed batch.
 *
 * @param epoch the room's incarnation
 * @param outcomes one for each message asked for, in order
 * @param entries what is new, in the order of its numbers
 */
public record BatchWritten(long epoch, List<Written> outcomes, List<ServerFrame.Entry> entries) {

    /** Copies the lists. */
    public BatchWritten {
        outcomes = List.copyOf(outcomes);
        entries = List.copyOf(entries);
    }
}
