package org.lectern.db.move;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.util.UUID;
import org.jspecify.annotations.Nullable;

/** The moves as they lie in the directory, for the mover; every call is one transaction. Not thread-safe. */
final class MoveJournal {

    private final Connection directory;

    MoveJournal(Connection directory) {
        this.directory = directory;
    }

    /**
     * Where a move stands.
     *
     * @param epoch of its last switch; 0 for none
     * @param settled whether the reads that began before the last switch have ended
     */
    record Entry(
            int logical,
            int source,
            int target,
            MoveState state,
            MoveState.@Nullable Wish wanted,
            long epoch,
            boolean settled) {}

    Entry read(UUID move, long readMillis) throws SQLException {
        try (PreparedStatement find = directory.prepareStatement(
                "select logical_shard, source_shard, target_shard, state, wanted, coalesce(epoch, 0),"
                        + " coalesce(switched_at < now() - ? * interval '1 millisecond', true)"
                        + " from shard_move where id = ?")) {
            find.setLong(1, readMillis);
            find.setObject(2, move);
            try (ResultSet row = find.executeQuery()) {
                if (!row.next()) {
                    throw new MoveRefusedException("there is no move " + move);
                }
                String wanted = row.getString(5);
                Entry entry = new Entry(
                        row.getInt(1),
                        row.getInt(2),
                        row.getInt(3),
                        MoveState.of(row.getString(4)),
                        wanted == null ? null : MoveState.Wish.of(wanted),
                        row.getLong(6),
                        row.getBoolean(7));
                directory.commit();
                return entry;
            }
        }
    }

    /**
     * @param granted whether that is what was wanted
     */
    void enter(UUID move, MoveState state, boolean granted) throws SQLException {
        update(
                "update shard_move set state = ?, wanted = case when ? then null else wanted end, failure = null,"
                        + " updated_at = now(), finished_at = case when ? then now() end where id = ?",
                state.key(),
                granted,
                state.ended(),
                move);
    }

    void tables(UUID move, int done, int total) throws SQLException {
        update(
                "update shard_move set tables_done = ?, tables_total = ?, updated_at = now() where id = ?",
                done,
                total,
                move);
    }

    void copied(UUID move, long rows) throws SQLException {
        update("update shard_move set rows_copied = ?, updated_at = now() where id = ?", rows, move);
    }

    void applied(UUID move, long more) throws SQLException {
        update(
                "update shard_move set changes_applied = changes_applied + ?, updated_at = now() where id = ?",
                more,
                move);
    }

    void failed(UUID move, String why) throws SQLException {
        update("update shard_move set failure = ?, updated_at = now() where id = ?", why, move);
    }

    /** What an operator wants of it; also shows that the directory still answers. */
    MoveState.@Nullable Wish wanted(UUID move) throws SQLException {
        try (PreparedStatement find = directory.prepareStatement("select wanted from shard_move where id = ?")) {
            find.setObject(1, move);
            try (ResultSet row = find.executeQuery()) {
                String wanted = row.next() ? row.getString(1) : null;
                directory.commit();
                return wanted == null ? null : MoveState.Wish.of(wanted);
            }
        }
    }

    /** Which physical shard holds a logical one. */
    int holder(int logical) throws SQLException {
        try (PreparedStatement find =
                directory.prepareStatement("select physical_shard from shard_map where logical_shard = ?")) {
            find.setInt(1, logical);
            try (ResultSet row = find.executeQuery()) {
                row.next();
                int holder = row.getInt(1);
                directory.commit();
                return holder;
            }
        }
    }

    /** Takes the next epoch for a switch; no other switch can be under way. */
    long enterSwitch(UUID move, MoveState state) throws SQLException {
        update(
                "update shard_move set state = ?, epoch = (select max(epoch) + 1 from shard_map), updated_at = now()"
                        + " where id = ?",
                state.key(),
                move);
        return read(move, 0).epoch();
    }

    /** The map's new row and the move's new state, in one transaction. */
    void switched(UUID move, int logical, int holder, long epoch, MoveState state, long pauseMillis)
            throws SQLException {
        execute(
                "update shard_map set physical_shard = ?, epoch = ?, changed_at = now()"
                        + " where logical_shard = ? and epoch < ?",
                holder,
                epoch,
                logical,
                epoch);
        execute(
                "update shard_move set state = ?, failure = null, switched_at = now(), updated_at = now(),"
                        + " pause_millis = case when ? >= 0 then ? else pause_millis end where id = ?",
                state.key(),
                pauseMillis,
                (int) pauseMillis,
                move);
        directory.commit();
    }

    private void update(String sql, Object... values) throws SQLException {
        execute(sql, values);
        directory.commit();
    }

    private void execute(String sql, Object... values) throws SQLException {
        try (PreparedStatement statement = directory.prepareStatement(sql)) {
            for (int index = 0; index < values.length; index++) {
                statement.setObject(index + 1, values[index]);
            }
            statement.executeUpdate();
        }
    }
}
