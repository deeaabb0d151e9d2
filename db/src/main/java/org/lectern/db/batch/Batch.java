package org.lectern.db.batch;

import java.lang.reflect.Array;
import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import java.util.function.Function;
import org.jspecify.annotations.Nullable;
import org.springframework.r2dbc.core.DatabaseClient.GenericExecuteSpec;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Rows for one statement: each column is bound as one array, which the statement opens by {@code unnest} (to write rows) or
 * compares by {@code = any} (to find them). The text of the statement does not depend on the number of rows, so a connection
 * prepares it once.
 *
 * <pre>{@code
 * Batch.of(members)
 *         .column("users", UUID.class, Member::userId)
 *         .column("names", String.class, Member::name)
 *         .bindTo(sql.sql("insert into member (context_id, user_id, name)"
 *                 + " select :context, user_id, name from unnest(:users::uuid[], :names::text[]) as given (user_id, name)"))
 * }</pre>
 *
 * <p>Rows that may meet those of another transaction are given in one order everywhere, or the two wait for each other.
 * Immutable.
 *
 * @param <R> what a row is made from
 */
public final class Batch<R> {

    /** The most rows of one statement: beyond that it takes locks and memory for too long; see {@link #inParts}. */
    public static final int MAX_ROWS = 5000;

    private final List<R> rows;
    private final List<Column> columns;

    private Batch(List<R> rows, List<Column> columns) {
        this.rows = rows;
        this.columns = columns;
    }

    /**
     * Rows without columns yet.
     *
     * @throws IllegalArgumentException when there are more than {@link #MAX_ROWS}
     */
    public static <R> Batch<R> of(Collection<? extends R> rows) {
        if (rows.size() > MAX_ROWS) {
            throw new IllegalArgumentException("more than " + MAX_ROWS + " rows at once: " + rows.size());
        }
        return new Batch<>(List.copyOf(rows), List.of());
    }

    /**
     * Any number of rows, as several statements one after the other.
     *
     * @param size of each, at most {@link #MAX_ROWS}
     * @param statement runs one of them and tells how many rows it changed
     * @return how many rows all of them changed
     */
    public static <R> Mono<Long> inParts(
            Collection<? extends R> rows, int size, Function<Batch<R>, Mono<Long>> statement) {
        if (size < 1 || size > MAX_ROWS) {
            throw new IllegalArgumentException("a part has 1 to " + MAX_ROWS + " rows: " + size);
        }
        return Flux.<R>fromIterable(rows)
                .buffer(size)
                .concatMap(part -> statement.apply(Batch.of(part)))
                .reduce(0L, Long::sum);
    }

    /** How many rows there are. */
    public int size() {
        return rows.size();
    }

    /**
     * The same rows with one more column.
     *
     * @param name of the parameter, without its colon
     * @param type of the values, as the driver knows it
     * @param value of a row; null stands for SQL's null
     */
    public <T> Batch<R> column(String name, Class<T> type, Function<? super R, ? extends @Nullable T> value) {
        Object[] values = (Object[]) Array.newInstance(type, rows.size());
        for (int row = 0; row < values.length; row++) {
            values[row] = value.apply(rows.get(row));
        }
        List<Column> more = new ArrayList<>(columns);
        more.add(new Column(name, values));
        return new Batch<>(rows, List.copyOf(more));
    }

    /** Binds every column; further parameters of the statement are the caller's. */
    public GenericExecuteSpec bindTo(GenericExecuteSpec statement) {
        GenericExecuteSpec bound = statement;
        for (Column column : columns) {
            bound = bound.bind(column.name(), column.values());
        }
        return bound;
    }

    @SuppressWarnings("ArrayRecordComponent") // never compared
    private record Column(String name, @Nullable Object[] values) {}
}
