package org.lectern.db.move;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.UUID;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes one move through its states: as long as both shards are needed by a {@link MoveRun}, in the end by one of them.
 *
 * <p><b>Who may.</b> The mover holds a session's advisory lock on the move in the directory, the source and the target, over
 * the very connections that it works with. A mover that died loses them with its connections; one that was only cut off
 * can do nothing any more, because what it would do goes over a connection whose lock another one now holds.
 *
 * <p>One thread only; blocks.
 */
final class Mover {

    /** First number of the advisory locks that movers hold; the second is the logical shard. */
    static final int LOCK_CLASS = 19540;

    private static final Logger log = LoggerFactory.getLogger(Mover.class);
    private static final Duration LOOK_EVERY = Duration.ofMillis(300);
    private static final int OPEN_TRIES = 5;
    private static final Duration OPEN_AGAIN = Duration.ofSeconds(2);

    private final MoverConnections connections;
    private final BooleanSupplier stopped;
    private final Consumer<String> reached;
    private final Duration openAgain;

    /**
     * @param stopped whether to leave the move where it is
     * @param reached hears the name of each step when it has been reached
     */
    Mover(MoverConnections connections, BooleanSupplier stopped, Consumer<String> reached) {
        this(connections, stopped, reached, OPEN_AGAIN);
    }

    /**
     * The same.
     *
     * @param openAgain after how long a shard is tried again that a move can end without
     */
    Mover(MoverConnections connections, BooleanSupplier stopped, Consumer<String> reached, Duration openAgain) {
        this.connections = connections;
        this.stopped = stopped;
        this.reached = reached;
        this.openAgain = openAgain;
    }

    /**
     * Works on a move until it has ended, or somebody else works on it, or this mover is stopped, or it has been kept up to
     * date for some seconds while it waits for an operator.
     *
     * @throws SQLException when a database does not answer; the move stays as it is
     * @throws MoveRefusedException when it cannot go on as things are; the move says why
     */
    void run(UUID move) throws SQLException {
        boolean more = true;
        while (more && !stopped.getAsBoolean()) {
            try (Connection directory = connections.directory()) {
                MoveJournal journal = new MoveJournal(directory);
                MoveJournal.Entry entry = journal.read(move, 0);
                if (entry.state().ended() || !locked(directory, entry.logical())) {
                    return;
                }
                try {
                    MoveState state = wished(move, journal, entry);
                    more = state.needsBoth() ? go(move, journal, entry) : conclude(move, journal, entry, state);
                } catch (SQLException | MoveRefusedException failure) {
                    directory.rollback();
                    journal.failed(move, String.valueOf(failure.getMessage()));
                    throw failure;
                }
            }
        }
    }

    /** Enters what an operator wants if one shard is enough for it: the other one may be gone. */
    private MoveState wished(UUID move, MoveJournal journal, MoveJournal.Entry entry) throws SQLException {
        MoveState.Wish wish = entry.wanted();
        MoveState wished = wish == null ? null : entry.state().onWish(wish);
        if (wish == MoveState.Wish.ABORT && entry.state() == MoveState.SWITCHING && disownable(entry)) {
            wished = MoveState.ABORTING;
        }
        if (wished == null || wished.needsBoth()) {
            return entry.state();
        }
        journal.enter(move, wished, true);
        return wished;
    }

    /** Whether a switch has not happened, and cannot happen behind our back. */
    private boolean disownable(MoveJournal.Entry entry) throws SQLException {
        try (Connection source = connections.shard(entry.source())) {
            return locked(source, entry.logical()) && owns(source, entry.logical());
        }
    }

    private boolean go(UUID move, MoveJournal journal, MoveJournal.Entry entry) throws SQLException {
        try (Connection source = connections.shard(entry.source());
                Connection target = connections.shard(entry.target())) {
            return locked(source, entry.logical())
                    && locked(target, entry.logical())
                    && new MoveRun(move, journal, entry, source, target, stopped, reached).go();
        }
    }

    /**
     * Ends a move for which the shard that owns the logical shard is enough. The other one's rows are removed if it answers;
     * if it does not, the move ends all the same, says so, and what lies there owns nothing and goes when the logical shard is
     * moved there again.
     *
     * @return false: there is nothing more to do now
     */
    private boolean conclude(UUID move, MoveJournal journal, MoveJournal.Entry entry, MoveState state)
            throws SQLException {
        boolean confirmed = state == MoveState.CONFIRMING;
        int left = confirmed ? entry.source() : entry.target();
        try (Connection owner = connections.shard(confirmed ? entry.target() : entry.source())) {
            if (!locked(owner, entry.logical())) {
                return false;
            }
            reached.accept(state.key());
            // First of all: what is recorded would grow for as long as the other one does not answer.
            copier(entry, new ShardTables(List.of())).stopRecording(owner);
            String why = null;
            try (Connection other = patiently(left)) {
                if (!locked(other, entry.logical())) {
                    return false;
                }
                ShardCopier copier = copier(entry, ShardTables.of(other));
                copier.stopRecording(other);
                if (state != MoveState.ABORTING) {
                    awaitOldReads(move, journal);
                }
                copier.remove(other);
            } catch (MoveRefusedException gone) {
                log.warn("Logical shard {}: shard {} was not cleaned up", entry.logical(), left, gone);
                why = "shard " + left + " was not cleaned up: " + gone.getMessage();
            }
            MoveState end = switch (state) {
                case CONFIRMING -> MoveState.DONE;
                case CLEANING -> MoveState.REVERTED;
                case ABORTING -> MoveState.ABORTED;
                case PREPARING,
                        COPYING,
                        CATCHING_UP,
                        SWITCHING,
                        SWITCHED,
                        REVERTING,
                        RETURNING,
                        DONE,
                        ABORTED,
                        REVERTED -> throw new IllegalArgumentException(state.key());
            };
            journal.enter(move, end, true);
            if (why != null) {
                journal.failed(move, why);
            }
            log.info("Logical shard {} from {} to {}: {}", entry.logical(), entry.source(), entry.target(), end.key());
            return false;
        } catch (Interrupted interrupted) {
            return false;
        }
    }

    /** @throws MoveRefusedException when the shard did not answer for some seconds, or there is none */
    private Connection patiently(int shard) throws SQLException {
        for (int attempt = 1; ; attempt++) {
            try {
                return connections.shard(shard);
            } catch (SQLException failure) {
                if (attempt == OPEN_TRIES) {
                    throw new MoveRefusedException(String.valueOf(failure.getMessage()));
                }
                LockSupport.parkNanos(openAgain.toNanos());
                interruptIfStopped();
            }
        }
    }

    private ShardCopier copier(MoveJournal.Entry entry, ShardTables tables) {
        return new ShardCopier(entry.logical(), tables, rows -> interruptIfStopped());
    }

    private void interruptIfStopped() {
        if (stopped.getAsBoolean()) {
            throw new Interrupted();
        }
    }

    /** Reads that began before the switch may still be under way where the rows are to be removed. */
    private void awaitOldReads(UUID move, MoveJournal journal) throws SQLException {
        while (!journal.read(move, connections.longestRead().toMillis()).settled()) {
            LockSupport.parkNanos(LOOK_EVERY.toNanos());
            interruptIfStopped();
        }
    }

    static boolean owns(Connection database, int logical) throws SQLException {
        try (PreparedStatement find =
                database.prepareStatement("select owned from shard_epoch where logical_shard = ?")) {
            find.setInt(1, logical);
            try (ResultSet row = find.executeQuery()) {
                boolean owned = row.next() && row.getBoolean(1);
                database.commit();
                return owned;
            }
        }
    }

    /**
     * What a move would do.
     *
     * @param rows of each table that would be copied
     */
    record Plan(Map<String, Long> rows) {

        Plan {
            rows = new LinkedHashMap<>(rows);
        }
    }

    /**
     * Looks whether a move could begin, and changes nothing.
     *
     * @throws MoveRefusedException when it could not
     */
    Plan plan(int logical, int source, int target) throws SQLException {
        try (Connection from = connections.shard(source);
                Connection to = connections.shard(target)) {
            ShardTables tables = tables(from, to);
            return new Plan(new ShardCopier(logical, tables, rows -> {}).count(from));
        }
    }

    static ShardTables tables(Connection from, Connection to) throws SQLException {
        ShardTables tables = ShardTables.of(from);
        if (!tables.sameShape(ShardTables.of(to))) {
            throw new MoveRefusedException("the tables of the two shards differ: migrate both first");
        }
        from.commit();
        to.commit();
        return tables;
    }

    private static boolean locked(Connection database, int logical) throws SQLException {
        try (PreparedStatement lock = database.prepareStatement("select pg_try_advisory_lock(?, ?)")) {
            lock.setInt(1, LOCK_CLASS);
            lock.setInt(2, logical);
            try (ResultSet row = lock.executeQuery()) {
                row.next();
                boolean locked = row.getBoolean(1);
                database.commit();
                return locked;
            }
        }
    }

    /** The operator wants something else, or this mover is to stop: what was begun is dropped with the connections. */
    static final class Interrupted extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Interrupted() {
            super("interrupted", null, false, false);
        }
    }

    /** The directory stopped answering while rows went over. */
    static final class DirectoryLostException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        DirectoryLostException(SQLException cause) {
            super("the directory does not answer", cause);
        }
    }
}
