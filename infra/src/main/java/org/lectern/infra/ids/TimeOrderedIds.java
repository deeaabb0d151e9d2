package org.lectern.infra.ids;

import com.github.f4b6a3.uuid.UuidCreator;
import java.util.UUID;
import org.springframework.util.IdGenerator;

/**
 * UUIDv7 (RFC 9562): the first 48 bits are the time in milliseconds, so that new rows are neighbours in an index and ids
 * sort by age. Within a millisecond of one process the ids still ascend. Thread-safe.
 */
final class TimeOrderedIds implements IdGenerator {

    @Override
    public UUID generateId() {
        return UuidCreator.getTimeOrderedEpochPlus1();
    }
}
