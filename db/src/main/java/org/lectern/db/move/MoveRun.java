package org.lectern.db.move;

import java.sql.Connection;
import java.sql.PreparedStatement;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.time.Duration;
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
 * One hold of the locks of a move: works through the states that need both the source and the target.
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
final class MoveRun {

    private static final Logger log = LoggerFactory.getLogger(MoveRun.class);

    /** So many changes may be left when the digests are compared. */
    private static final int FEW_CHANGES = 200;

    /** So many, or so many rounds, before the writers are locked out: what is left then is their pause. */
    private static final int FEW_AT_SWITCH = 20;

    private static final int ROUNDS_AT_SWITCH = 6;
    private static final int SWITCH_TRIES = 200;
    private static final Duration LOOK_EVERY = Duration.ofMillis(300);
    private static final Duration ROUND = Duration.ofSeconds(3);
    private static final Duration LONGEST_SWITCH = Duration.ofSeconds(3);

    private final UUID move;
    private final MoveJournal journal;
    private final Connection source;
    private final Connection target;
    private final BooleanSupplier stopped;
    private final Consumer<String> reached;
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

    /**
     * @param stopped whether to leave the move where it is
     * @param reached hears the name of each step when it has been reached
     */
    MoveRun(
            UUID move,
            MoveJournal journal,
            MoveJournal.Entry begun,
            Connection source,
            Connection target,
            BooleanSupplier stopped,
            Consumer<String> reached)
            throws SQLException {
        this.move = move;
        this.journal = journal;
        this.source = source;
        this.target = target;
        this.stopped = stopped;
        this.reached = reached;
        this.logical = begun.logical();
        this.begun = begun;
        this.state = begun.state();
        this.tables = Mover.tables(source, target);
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
                    log.info("Logical shard {} from {} to {}: {}", logical, begun.source(), begun.target(), next.key());
                    state = next;
                    enteredNanos = System.nanoTime();
                } else if (state == MoveState.SWITCHED && System.nanoTime() - enteredNanos > ROUND.toNanos()) {
                    // Others may wait for this thread, and anybody may go on with this move.
                    return false;
                }
            }
            return !state.ended();
        } catch (Mover.Interrupted interrupted) {
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
            throw new Mover.Interrupted();
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
        if (journal.holder(logical) != begun.source() || !Mover.owns(source, logical) || Mover.owns(target, logical)) {
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
                throw new Mover.DirectoryLostException(failure);
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
        if (!Mover.owns(from, logical)) {
            // A mover died after the source had disowned it: only forward.
            settle(to, holder, entry.epoch(), next, -1);
            return next;
        }
        if (entry.wanted() == MoveState.Wish.ABORT && state == MoveState.SWITCHING) {
            return MoveState.ABORTING;
        }
        for (int attempt = 1; attempt <= SWITCH_TRIES; attempt++) {
            look();
            int left = carried(copier.carryOver(from, to));
            for (int round = 1; left > FEW_AT_SWITCH && round < ROUNDS_AT_SWITCH; round++) {
                left = carried(copier.carryOver(from, to));
            }
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
                    throw new Mover.Interrupted();
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
                throw new Mover.DirectoryLostException(failure);
            }
        }
    }

    private void look() throws SQLException {
        lookedNanos = System.nanoTime();
        MoveState.Wish wish = journal.wanted(move);
        if (stopped.getAsBoolean() || (wish != null && state.onWish(wish) != null)) {
            throw new Mover.Interrupted();
        }
    }
}
