package org.lectern.db.directory;

import java.util.function.Function;
import org.lectern.db.Freshness;
import org.lectern.db.migration.Migrations;
import org.lectern.db.replica.RoutedDatabase;
import org.lectern.db.replica.Servers;
import org.lectern.db.settings.DatabaseSettings;
import org.reactivestreams.Publisher;
import org.springframework.r2dbc.core.DatabaseClient;
import org.springframework.stereotype.Component;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/** The directory in PostgreSQL. */
@Component
class PostgresDirectory implements Directory {

    private final RoutedDatabase database;

    /**
     * @param migrated proof that the tables are there
     */
    @SuppressWarnings("UnusedVariable") // the parameter orders the beans
    PostgresDirectory(DatabaseSettings settings, Servers servers, Migrations migrated) {
        this.database = servers.database(settings.directory());
    }

    @Override
    public <T> Mono<T> write(Function<DatabaseClient, Mono<T>> work) {
        return database.write(work);
    }

    @Override
    public <T> Mono<T> writeOne(Function<DatabaseClient, Mono<T>> statement) {
        return database.writeOne(statement);
    }

    @Override
    public <T> Flux<T> read(Freshness freshness, Function<DatabaseClient, ? extends Publisher<T>> work) {
        return database.read(freshness, work);
    }
}
