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
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicInteger;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.locks.LockSupport;
import java.util.function.BooleanSupplier;
import java.util.function.Consumer;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * Takes one move through its states.
 *
 * <p><b>Who may.</b> The mover holds a session's advisory lock on the move in the directory, the source and the target, over
 * the very connections that it works with. A mover that died loses them with its connections; one that was only cut off
 * can do nothing any more, because what it would do goes over a connection whose lock another one now holds.
 *
 * <p><b>The switch.</b> The order makes each moment safe to die in:
 * <ol>
 *   <li>the directory learns the new epoch of the switch;
 *   <li>the source's writers are locked out: transactions under way end, others wait for the lock;
 *   <li>what they left is carried over;
 *   <li>the source disowns the logical shard under the new epoch and unlocks: writers and reads that come now are refused,
 *       read the map and try again. Until here, dying means that nothing has happened; from here on, only forward;
 *   <li>the target owns it under the new epoch;
 *   <li>the directory's map says so: the next try of those who were refused goes to the target.
 * </ol>
 * At no time do both own it. The pause for writers is from the second to the last. The lock has a limit of time that the
 * source's server keeps, so a mover that hangs while it holds it makes nobody wait for longer than that.
 *
 * <p><b>The way back.</b> From the switch on the target records its changes, and they are carried to the source all the time,
 * so that going back is as short as the switch was.
 *
 * <p>One thread only; blocks.
 */
final class Mover {

    /** First number of the advisory locks that movers hold; the second is the logical shard. */
    static final int LOCK_CLASS = 19540;

    private static final Logger log = LoggerFactory.getLogger(Mover.class);
    private static final int FEW_CHANGES = 200;
    private static final int SWITCH_TRIES = 200;
    private static final Duration LOOK_EVERY = Duration.ofMillis(300);
    private static final int OPEN_TRIES = 5;
    private static final Duration OPEN_AGAIN = Duration.ofSeconds(2);
    private static final Duration ROUND = Duration.ofSeconds(3);
    private static final Duration LONGEST_SWITCH = Duration.ofSeconds(3);

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
                    && new Run(move, journal, entry, source, target).go();
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

    private static boolean owns(Connection database, int logical) throws SQLException {
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

    private static ShardTables tables(Connection from, Connection to) throws SQLException {
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
    private static final class Interrupted extends RuntimeException {
        private static final long serialVersionUID = 1L;

        Interrupted() {
            super("interrupted", null, false, false);
        }
    }

    /** One hold of the locks. */
    private final class Run {
        private final UUID move;
        private final MoveJournal journal;
        private final Connection source;
        private final Connection target;
        private final int logical;
        private final MoveJournal.Entry begun;
        private final ShardTables tables;
        private final ShardCopier copier;
        private final long migratedSource;
        private final long migratedTarget;
        private final AtomicLong rows = new AtomicLong();
        private MoveState state;
        private long enteredNanos = System.nanoTime();
        private long lookedNanos = enteredNanos;
        private boolean urgent;
        private boolean granted;

        Run(UUID move, MoveJournal journal, MoveJournal.Entry begun, Connection source, Connection target)
                throws SQLException {
            this.move = move;
            this.journal = journal;
            this.source = source;
            this.target = target;
            this.logical = begun.logical();
            this.begun = begun;
            this.state = begun.state();
            this.tables = tables(source, target);
            this.copier = new ShardCopier(logical, tables, this::moved);
            this.migratedSource = migrations(source);
            this.migratedTarget = migrations(target);
            source.commit();
            target.commit();
        }

        /** Works while both shards are needed; whether to go on with fresh connections. */
        boolean go() throws SQLException {
            try {
                while (state.needsBoth()) {
                    reached.accept(state.key());
                    MoveState next = step();
                    if (next != state) {
                        journal.enter(move, next, granted || next == MoveState.ABORTING);
                        log.info(
                                "Logical shard {} from {} to {}: {}",
                                logical,
                                begun.source(),
                                begun.target(),
                                next.key());
                        state = next;
                        enteredNanos = System.nanoTime();
                    } else if (state == MoveState.SWITCHED && System.nanoTime() - enteredNanos > ROUND.toNanos()) {
                        // Others may wait for this thread, and anybody may go on with this move.
                        return false;
                    }
                }
                return !state.ended();
            } catch (Interrupted interrupted) {
                return !stopped.getAsBoolean();
            }
        }

        private MoveState step() throws SQLException {
            MoveState.Wish wish = journal.wanted(move);
            MoveState wished = wish == null ? null : state.onWish(wish);
            granted = wished != null;
            if (wished != null) {
                return wished;
            }
            if (stopped.getAsBoolean()) {
                throw new Interrupted();
            }
            return switch (state) {
                case PREPARING -> prepare();
                case COPYING -> copy(source, target, MoveState.CATCHING_UP);
                case CATCHING_UP -> catchUp(source, target, MoveState.SWITCHING);
                case SWITCHING -> turn(source, target, begun.target(), MoveState.CATCHING_UP, MoveState.SWITCHED);
                case SWITCHED -> follow();
                case REVERTING -> catchUp(target, source, MoveState.RETURNING);
                case RETURNING -> turn(target, source, begun.source(), MoveState.REVERTING, MoveState.CLEANING);
                case CONFIRMING, CLEANING, ABORTING, DONE, ABORTED, REVERTED -> state;
            };
        }

        private MoveState prepare() throws SQLException {
            if (journal.holder(logical) != begun.source() || !owns(source, logical) || owns(target, logical)) {
                throw new MoveRefusedException("shard " + begun.source() + " does not hold logical shard " + logical);
            }
            copier.stopRecording(source);
            copier.stopRecording(target);
            copier.remove(target);
            copier.record(source);
            reached.accept("recording");
            return MoveState.COPYING;
        }

        private MoveState copy(Connection from, Connection to, MoveState next) throws SQLException {
            copier.remove(to);
            rows.set(0);
            AtomicInteger done = new AtomicInteger();
            int total = tables.tables().size();
            journal.tables(move, 0, total);
            copier.copy(from, to, () -> {
                reached.accept("copied-" + done.incrementAndGet());
                try {
                    journal.tables(move, done.get(), total);
                } catch (SQLException failure) {
                    throw new DirectoryLostException(failure);
                }
            });
            journal.copied(move, rows.get());
            return next;
        }

        private MoveState catchUp(Connection from, Connection to, MoveState next) throws SQLException {
            // From now on, so that nothing has to be installed during the switch; the mover's own writes are no
            // changes.
            copier.record(to);
            while (carried(copier.carryOver(from, to)) > FEW_CHANGES) {
                look();
            }
            reached.accept("caught-up");
            if (!copier.carryOverAndCompare(from, to)) {
                log.warn("Logical shard {}: the digests differ; it is copied again", logical);
                journal.failed(move, "the digests differed; copied again");
                return copy(from, to, state);
            }
            reached.accept("compared");
            journal.enterSwitch(move, next);
            return next;
        }

        private MoveState turn(Connection from, Connection to, int holder, MoveState back, MoveState next)
                throws SQLException {
            MoveJournal.Entry entry = journal.read(move, 0);
            if (!owns(from, logical)) {
                // A mover died after the source had disowned it: only forward.
                settle(to, holder, entry.epoch(), next, -1);
                return next;
            }
            if (entry.wanted() == MoveState.Wish.ABORT && state == MoveState.SWITCHING) {
                return MoveState.ABORTING;
            }
            for (int attempt = 1; attempt <= SWITCH_TRIES; attempt++) {
                look();
                carried(copier.carryOver(from, to));
                // Whatever becomes of this mover or of either server: the writers wait no longer than that.
                ShardCopier.execute(to, "set transaction_timeout = " + LONGEST_SWITCH.toMillis());
                to.commit();
                long began = System.nanoTime();
                urgent = true;
                try {
                    lockOut(from);
                    reached.accept("locked");
                    int last = copier.carryOverSeen(from, to);
                    if (migrations(from) != (from.equals(source) ? migratedSource : migratedTarget)) {
                        from.rollback();
                        log.info("Logical shard {}: a migration came between; it is copied again", logical);
                        journal.enter(
                                move, state == MoveState.SWITCHING ? MoveState.PREPARING : MoveState.REVERTING, false);
                        throw new Interrupted();
                    }
                    own(from, entry.epoch(), false);
                    from.commit();
                    reached.accept("disowned");
                    settle(to, holder, entry.epoch(), next, began);
                    unlimited(to);
                    carried(last);
                    return next;
                } catch (SQLException failure) {
                    from.rollback();
                    if (!ShardCopier.busy(failure)) {
                        throw failure;
                    }
                    unlimited(to);
                    // A long transaction was under way; its writers go on, and so do those who waited behind us.
                    LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(100 + 17L * (attempt % 20)));
                } finally {
                    urgent = false;
                }
            }
            log.warn("Logical shard {}: its writers never paused; catching up again", logical);
            return back;
        }

        private static void unlimited(Connection to) throws SQLException {
            to.rollback();
            ShardCopier.execute(to, "set transaction_timeout = 0");
            to.commit();
        }

        /**
         * Longer transactions make the attempt fail rather than everybody wait. If this mover stops while it holds the
         * lock, or the other server does not answer, the server ends the session: nothing has happened then, and the lock is
         * free.
         */
        private void lockOut(Connection from) throws SQLException {
            from.rollback();
            ShardCopier.execute(from, "set local transaction_timeout = " + LONGEST_SWITCH.toMillis());
            ShardCopier.execute(from, "set local lock_timeout = '200ms'");
            try (PreparedStatement lock =
                    from.prepareStatement("select pg_advisory_xact_lock(19539, -1), pg_advisory_xact_lock(19539, ?)")) {
                lock.setInt(1, logical);
                lock.execute();
            }
        }

        private void settle(Connection to, int holder, long epoch, MoveState next, long began) throws SQLException {
            own(to, epoch, true);
            to.commit();
            reached.accept("owned");
            long pause = began < 0 ? -1 : TimeUnit.NANOSECONDS.toMillis(System.nanoTime() - began);
            journal.switched(move, logical, holder, epoch, next, pause);
            reached.accept("mapped");
        }

        private MoveState follow() throws SQLException {
            carried(copier.carryOver(target, source));
            pause();
            return state;
        }

        /** How many have been applied: tables change by nothing else. */
        private static long migrations(Connection database) throws SQLException {
            try (PreparedStatement count = database.prepareStatement("select count(*) from flyway_schema_history");
                    ResultSet row = count.executeQuery()) {
                row.next();
                return row.getLong(1);
            }
        }

        private void own(Connection database, long epoch, boolean owned) throws SQLException {
            try (PreparedStatement set = database.prepareStatement(
                    "insert into shard_epoch (logical_shard, epoch, owned) values (?, ?, ?) on conflict (logical_shard)"
                            + " do update set epoch = excluded.epoch, owned = excluded.owned")) {
                set.setInt(1, logical);
                set.setLong(2, epoch);
                set.setBoolean(3, owned);
                set.executeUpdate();
            }
        }

        private int carried(int keys) throws SQLException {
            if (keys > 0) {
                journal.applied(move, keys);
            }
            return keys;
        }

        private void pause() throws SQLException {
            LockSupport.parkNanos(LOOK_EVERY.toNanos());
            look();
        }

        /** Called for every few rows. */
        private void moved(long more) {
            rows.addAndGet(more);
            if (!urgent && System.nanoTime() - lookedNanos > LOOK_EVERY.toNanos()) {
                try {
                    if (state == MoveState.COPYING) {
                        journal.copied(move, rows.get());
                    }
                    look();
                } catch (SQLException failure) {
                    throw new DirectoryLostException(failure);
                }
            }
        }

        private void look() throws SQLException {
            lookedNanos = System.nanoTime();
            MoveState.Wish wish = journal.wanted(move);
            if (stopped.getAsBoolean() || (wish != null && state.onWish(wish) != null)) {
                throw new Interrupted();
            }
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
