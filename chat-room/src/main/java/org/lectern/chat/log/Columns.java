package org.lectern.chat.log;

import io.r2dbc.spi.Readable;
import java.time.Instant;
import java.time.OffsetDateTime;
import java.util.Objects;
import org.jspecify.annotations.Nullable;

/** Reads columns of a row. */
final class Columns {

    private Columns() {}

    /** A column that is never null. */
    static <T> T required(Readable row, String column, Class<T> type) {
        @Nullable T value = row.get(column, type);
        return Objects.requireNonNull(value, column);
    }

    /** A time, or null. */
    static @Nullable Instant time(Readable row, String column) {
        @Nullable OffsetDateTime value = row.get(column, OffsetDateTime.class);
        return value == null ? null : value.toInstant();
    }
}
