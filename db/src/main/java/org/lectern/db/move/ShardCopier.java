package org.lectern.db.move;

import java.math.BigDecimal;
import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import java.util.function.LongConsumer;
import org.lectern.db.move.ShardTables.Table;
import org.postgresql.PGConnection;
import org.postgresql.copy.CopyIn;
import org.postgresql.copy.CopyOut;

/**
 * Carries the rows of one logical shard from one database to another.
 *
 * <p><b>What changes meanwhile.</b> Before the copy begins, triggers record the key of every row of the logical shard that
 * changes, in the transaction that changes it. The copy is of one snapshot taken afterwards; whatever a snapshot lacks is
 * recorded. Carrying over reads the recorded keys and the rows that they name <em>as of one snapshot</em>, writes what is
 * there and deletes what is not, and forgets the keys: after it, the target is the source as of that snapshot. Doing any
 * of it twice changes nothing.
 *
 * <p><b>Digest.</b> For each table the number of rows and two sums of 60 bits of each row's MD5: independent of the order of
 * rows, the same on every server.
 *
 * <p>Rows travel by {@code COPY} in binary form, so every value arrives as it was. Not thread-safe.
 */
final class ShardCopier {

    private static final String LOCK_NOT_AVAILABLE = "55P03";
    private static final String DEADLOCK = "40P01";
    private static final int BATCH = 5000;
    private static final int LOCK_TRIES = 60;

    private final int logical;
    private final ShardTables tables;
    private final LongConsumer progress;

    /**
     * @param progress hears of every few rows that went over, and may throw to give up
     */
    ShardCopier(int logical, ShardTables tables, LongConsumer progress) {
        this.logical = logical;
        this.tables = tables;
        this.progress = progress;
    }

    /** Records changes from now on: when it returns, no transaction is under way that would not be seen. */
    void record(Connection database) throws SQLException {
        for (Table table : tables.tables()) {
            briefly(
                    database,
                    "create or replace trigger " + writeTrigger() + " after insert or update on " + table.quoted()
                            + " for each row when (new.logical_shard = " + logical
                            + ") execute function record_shard_move(" + table.keyLiterals() + ")",
                    "create or replace trigger " + deleteTrigger() + " after delete on " + table.quoted()
                            + " for each row when (old.logical_shard = " + logical
                            + ") execute function record_shard_move(" + table.keyLiterals() + ")");
        }
    }

    /** Records no longer, and forgets what was recorded. */
    void stopRecording(Connection database) throws SQLException {
        List<String> recorded = new ArrayList<>();
        try (PreparedStatement find = database.prepareStatement(
                "select distinct quote_ident(c.relname) from pg_trigger t join pg_class c on c.oid = t.tgrelid"
                        + " where t.tgname in (?, ?)")) {
            find.setString(1, writeTrigger());
            find.setString(2, deleteTrigger());
            try (ResultSet row = find.executeQuery()) {
                while (row.next()) {
                    recorded.add(row.getString(1));
                }
            }
        }
        for (String table : recorded) {
            briefly(
                    database,
                    "drop trigger if exists " + writeTrigger() + " on " + table,
                    "drop trigger if exists " + deleteTrigger() + " on " + table);
        }
        execute(database, "delete from shard_move_change where logical_shard = " + logical);
        database.commit();
    }

    /** Removes the logical shard's rows, a few at a time. */
    void remove(Connection database) throws SQLException {
        for (Table table : tables.tables().reversed()) {
            int removed;
            do {
                removed = execute(
                        database,
                        "delete from " + table.quoted() + " where ctid = any(array(select ctid from " + table.quoted()
                                + " where logical_shard = " + logical + " limit " + BATCH + "))");
                database.commit();
                progress.accept(0);
            } while (removed == BATCH);
        }
    }

    /** Copies everything as of one snapshot into a database that has none of it. */
    void copy(Connection from, Connection to, Runnable tableDone) throws SQLException {
        beginSnapshot(from);
        for (Table table : tables.tables()) {
            pump(
                    from,
                    "copy (select " + table.columnList() + " from " + table.quoted() + " where logical_shard = "
                            + logical + ") to stdout (format binary)",
                    to,
                    "copy " + table.quoted() + " (" + table.columnList() + ") from stdin (format binary)");
            to.commit();
            tableDone.run();
        }
        from.commit();
    }

    /**
     * Carries over all that was recorded, as of one snapshot.
     *
     * @return how many keys
     */
    int carryOver(Connection from, Connection to) throws SQLException {
        beginSnapshot(from);
        int keys = carryOverSeen(from, to);
        from.commit();
        return keys;
    }

    /** The same as of one snapshot, and then compares all of both as of that snapshot. */
    boolean carryOverAndCompare(Connection from, Connection to) throws SQLException {
        beginSnapshot(from);
        carryOverSeen(from, to);
        boolean equal = true;
        for (Table table : tables.tables()) {
            progress.accept(0);
            equal &= digest(from, table).equals(digest(to, table));
        }
        to.commit();
        from.commit();
        return equal;
    }

    /** The same inside the transaction of {@code from} that is open; forgets the keys in that transaction. */
    int carryOverSeen(Connection from, Connection to) throws SQLException {
        long[] seen = seen(from);
        // The rows are found by their keys, however many the planner expects.
        execute(from, "set local enable_hashjoin = off");
        execute(from, "set local enable_mergejoin = off");
        for (int begin = 0; begin < seen.length; begin += BATCH) {
            long first = seen[begin];
            long last = seen[Math.min(begin + BATCH, seen.length) - 1];
            carryOver(from, to, first, last);
            execute(
                    from,
                    "delete from shard_move_change where logical_shard = " + logical + " and id between " + first
                            + " and " + last);
        }
        return seen.length;
    }

    private void carryOver(Connection from, Connection to, long first, long last) throws SQLException {
        String recorded = " from shard_move_change where logical_shard = " + logical + " and id between " + first
                + " and " + last + " and table_name = ";
        Set<String> named = new LinkedHashSet<>();
        try (Statement statement = from.createStatement();
                ResultSet row = statement.executeQuery(
                        "select distinct table_name from shard_move_change where logical_shard = " + logical
                                + " and id between " + first + " and " + last)) {
            while (row.next()) {
                named.add(row.getString(1));
            }
        }
        List<Table> changed = tables.tables().stream()
                .filter(table -> named.contains(table.name()))
                .toList();
        for (Table table : changed) {
            String keys = "select distinct key" + recorded + "'" + table.name().replace("'", "''") + "'";
            stage(to, table);
            pump(from, "copy (" + keys + ") to stdout", to, "copy " + keyStage(table) + " from stdin");
            long rows = pump(
                    from,
                    "copy (select " + table.columnList("t") + " from (" + keys + ") c cross join lateral"
                            + " jsonb_populate_record(null::" + table.quoted() + ", c.key) k join " + table.quoted()
                            + " t on " + table.keysEqual("t", "k") + " where t.logical_shard = " + logical
                            + ") to stdout (format binary)",
                    to,
                    "copy " + table.stage() + " (" + table.columnList() + ") from stdin (format binary)");
            progress.accept(rows);
        }
        for (Table table : changed.reversed()) {
            // A row that others refer to stays while it is there: deleting it would delete them too. All others go
            // first, so that a unique value may pass from one row to another.
            execute(
                    to,
                    "delete from " + table.quoted() + " t using (select k.* from " + keyStage(table)
                            + " c cross join lateral jsonb_populate_record(null::" + table.quoted()
                            + ", c.key) k) k where " + table.keysEqual("t", "k")
                            + (table.referred()
                                    ? " and not exists (select from " + table.stage() + " s where "
                                            + table.keysEqual("s", "t") + ")"
                                    : ""));
        }
        for (Table table : changed) {
            execute(
                    to,
                    "insert into " + table.quoted() + " (" + table.columnList() + ") select " + table.columnList()
                            + " from " + table.stage() + " on conflict (" + table.keyList() + ") do update set "
                            + table.assignments());
        }
        to.commit();
    }

    private void stage(Connection to, Table table) throws SQLException {
        execute(
                to,
                "create temporary table if not exists " + table.stage() + " as select " + table.columnList() + " from "
                        + table.quoted() + " with no data");
        execute(to, "create temporary table if not exists " + keyStage(table) + " (key jsonb)");
        execute(to, "truncate " + table.stage() + ", " + keyStage(table));
    }

    private static String keyStage(Table table) {
        return table.stage().replace("stage_", "stage_key_");
    }

    private long[] seen(Connection from) throws SQLException {
        try (Statement statement = from.createStatement();
                ResultSet row = statement.executeQuery(
                        "select id from shard_move_change where logical_shard = " + logical + " order by id")) {
            List<Long> ids = new ArrayList<>();
            while (row.next()) {
                ids.add(row.getLong(1));
            }
            return ids.stream().mapToLong(Long::longValue).toArray();
        }
    }

    /** How many rows of each table belong to the logical shard. */
    Map<String, Long> count(Connection database) throws SQLException {
        Map<String, Long> counts = new LinkedHashMap<>();
        for (Table table : tables.tables()) {
            try (Statement statement = database.createStatement();
                    ResultSet row = statement.executeQuery(
                            "select count(*) from " + table.quoted() + " where logical_shard = " + logical)) {
                row.next();
                counts.put(table.name(), row.getLong(1));
            }
        }
        return counts;
    }

    private Digest digest(Connection database, Table table) throws SQLException {
        try (Statement statement = database.createStatement();
                ResultSet row = statement.executeQuery(
                        "select count(*), coalesce(sum(('x' || left(h, 15))::bit(60)::bigint), 0),"
                                + " coalesce(sum(('x' || right(h, 15))::bit(60)::bigint), 0)"
                                + " from (select md5(row(" + table.columnList() + ")::text) as h from " + table.quoted()
                                + " where logical_shard = " + logical + ") as rows")) {
            row.next();
            return new Digest(row.getLong(1), row.getBigDecimal(2), row.getBigDecimal(3));
        }
    }

    private long pump(Connection from, String select, Connection to, String insert) throws SQLException {
        CopyOut out = from.unwrap(PGConnection.class).getCopyAPI().copyOut(select);
        CopyIn in = to.unwrap(PGConnection.class).getCopyAPI().copyIn(insert);
        long rows = 0;
        for (byte[] part = out.readFromCopy(); part != null; part = out.readFromCopy()) {
            in.writeToCopy(part, 0, part.length);
            if (++rows % BATCH == 0) {
                progress.accept(BATCH);
            }
        }
        long written = in.endCopy();
        progress.accept(Math.max(0, written - rows / BATCH * BATCH));
        return written;
    }

    /** Does what needs a table for itself without ever making its writers wait long: gives up early, tries again. */
    private void briefly(Connection database, String... statements) throws SQLException {
        for (int attempt = 1; ; attempt++) {
            try {
                execute(database, "set local lock_timeout = '" + Math.min(100 + 20 * attempt, 1000) + "ms'");
                for (String statement : statements) {
                    execute(database, statement);
                }
                database.commit();
                return;
            } catch (SQLException refused) {
                database.rollback();
                if (!busy(refused) || attempt >= LOCK_TRIES) {
                    throw refused;
                }
                progress.accept(0);
                LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(50L * Math.min(attempt, 10)));
            }
        }
    }

    /** Whether somebody else held what was asked for. */
    static boolean busy(SQLException failure) {
        return LOCK_NOT_AVAILABLE.equals(failure.getSQLState()) || DEADLOCK.equals(failure.getSQLState());
    }

    static int execute(Connection database, String sql) throws SQLException {
        try (Statement statement = database.createStatement()) {
            return statement.executeUpdate(sql);
        }
    }

    private static void beginSnapshot(Connection database) throws SQLException {
        database.rollback();
        execute(database, "set transaction isolation level repeatable read");
    }

    private String writeTrigger() {
        return "shard_move_" + logical + "_write";
    }

    private String deleteTrigger() {
        return "shard_move_" + logical + "_delete";
    }

    private record Digest(long rows, BigDecimal first, BigDecimal second) {}
}
