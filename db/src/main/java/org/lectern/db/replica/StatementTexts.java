package org.lectern.db.replica;

import io.r2dbc.spi.Connection;
import io.r2dbc.spi.ConnectionFactory;
import java.util.Queue;
import java.util.concurrent.ConcurrentLinkedQueue;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.function.Function;
import java.util.function.Supplier;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.springframework.dao.DataAccessException;
import org.springframework.r2dbc.core.DatabaseClient;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * The texts of an operation's statements, for the log of slow ones: the first few, each on one line and cut. Values are
 * bound, so none is in a text. Thread-safe.
 */
final class StatementTexts {

    private static final int MOST = 5;
    private static final int LONGEST = 300;
    private static final Pattern BLANKS = Pattern.compile("\\s+");

    private final Queue<String> texts = new ConcurrentLinkedQueue<>();
    private final AtomicInteger count = new AtomicInteger();

    /** A client whose statements are noted here. */
    DatabaseClient of(DatabaseClient client) {
        return new Noting(client);
    }

    private String note(String text) {
        if (count.incrementAndGet() <= MOST) {
            texts.add(text);
        }
        return text;
    }

    /** The statements, in the order in which they were asked for. */
    @Override
    public String toString() {
        int more = count.get() - MOST;
        return texts.stream().map(StatementTexts::line).collect(Collectors.joining("; "))
                + (more > 0 ? "; and " + more + " more" : "");
    }

    private static String line(String text) {
        String line = BLANKS.matcher(text.strip()).replaceAll(" ");
        return line.length() > LONGEST ? line.substring(0, LONGEST) + "..." : line;
    }

    private final class Noting implements DatabaseClient {

        private final DatabaseClient client;

        Noting(DatabaseClient client) {
            this.client = client;
        }

        @Override
        public ConnectionFactory getConnectionFactory() {
            return client.getConnectionFactory();
        }

        @Override
        public GenericExecuteSpec sql(String sql) {
            return client.sql(note(sql));
        }

        @Override
        public GenericExecuteSpec sql(Supplier<String> sqlSupplier) {
            return client.sql(() -> note(sqlSupplier.get()));
        }

        @Override
        public <T> Mono<T> inConnection(Function<Connection, Mono<T>> action) throws DataAccessException {
            return client.inConnection(action);
        }

        @Override
        public <T> Flux<T> inConnectionMany(Function<Connection, Flux<T>> action) throws DataAccessException {
            return client.inConnectionMany(action);
        }
    }
}
