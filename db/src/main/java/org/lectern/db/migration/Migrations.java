package org.lectern.db.migration;

import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.stream.Collectors;
import org.flywaydb.core.Flyway;
import org.lectern.db.pool.HostPort;
import org.lectern.db.settings.DatabaseSettings;
import org.lectern.db.settings.DatabaseSettings.Placement;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.stereotype.Component;

/**
 * Migrates the directory and then every shard when it is made, so a bean that takes this one finds its tables. Flyway
 * holds an advisory lock in each database while it works: of nodes that start at once, one migrates and the others wait
 * and find nothing to do.
 *
 * <p>Version numbers are given out in ranges to the parts of the system, so a lower number may come later than a higher
 * one: migrations of different ranges must not depend on each other, but for range 1 to 9, which all may build upon.
 */
@Component
public class Migrations {

    private static final Logger log = LoggerFactory.getLogger(Migrations.class);
    private static final int PARALLEL = 4;

    /**
     * Migrates, unless {@code lectern.db.migrate} is off; blocks until every database is at the version of this program.
     *
     * @throws IllegalStateException when a database cannot be reached in time or a migration fails
     */
    public Migrations(DatabaseSettings settings) {
        if (!settings.migrate()) {
            return;
        }
        migrate(settings, settings.directory(), "directory");
        try (ExecutorService workers = Executors.newFixedThreadPool(
                PARALLEL, Thread.ofVirtual().name("migration-", 0).factory())) {
            List<Future<?>> shards = new ArrayList<>();
            for (Placement shard : settings.shards()) {
                shards.add(workers.submit(() -> migrate(settings, shard, "shard")));
            }
            for (Future<?> shard : shards) {
                shard.get();
            }
        } catch (InterruptedException interrupted) {
            Thread.currentThread().interrupt();
            throw new IllegalStateException("interrupted while migrating", interrupted);
        } catch (ExecutionException failure) {
            throw new IllegalStateException("a shard could not be migrated", failure.getCause());
        }
    }

    private static void migrate(DatabaseSettings settings, Placement placement, String kind) {
        // The driver asks one after another for the one that takes writes.
        String primary = settings.serverOf(placement).addresses().stream()
                .map(address -> HostPort.parse(address).toString())
                .collect(Collectors.joining(","));
        int applied = Flyway.configure(Migrations.class.getClassLoader())
                .dataSource(
                        "jdbc:postgresql://" + primary + "/" + placement.database()
                                + "?ApplicationName=lectern-migration&targetServerType=primary"
                                + "&connectTimeout="
                                + settings.pool().connectTimeout().toSeconds(),
                        settings.username(),
                        settings.password())
                .locations("classpath:db/migration/" + kind)
                .connectRetries((int) Math.max(1, settings.connectPatience().toSeconds()))
                .connectRetriesInterval(1)
                .outOfOrder(true)
                .validateMigrationNaming(true)
                .cleanDisabled(true)
                .load()
                .migrate()
                .migrationsExecuted;
        if (applied > 0) {
            log.info("Database {} on {}: {} migrations applied", placement.database(), placement.server(), applied);
        }
    }
}
