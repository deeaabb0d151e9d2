package org.lectern.db.move;

import java.util.Locale;
import org.jspecify.annotations.Nullable;

/** How far a move has come. Each state says what has to be done next, and doing it again from the beginning is safe. */
public enum MoveState {
    /** Nothing is where it should not be; changes of the source are recorded from the end of this step on. */
    PREPARING,
    /** Everything is copied as of one moment. */
    COPYING,
    /** What changed since is carried over, until little is left and the digests agree. */
    CATCHING_UP,
    /** Writers wait for a moment, the rest is carried over, ownership changes. */
    SWITCHING,
    /** The target owns the logical shard; the source is kept up to date until an operator confirms or reverts. */
    SWITCHED,
    /** The source's rows are removed. */
    CONFIRMING,
    /** On the way back: the source is made equal to the target. */
    REVERTING,
    /** On the way back: ownership changes. */
    RETURNING,
    /** The source owns the logical shard again; the target's rows are removed. */
    CLEANING,
    /** It never left; the target's rows are removed. */
    ABORTING,
    /** Ended: the logical shard is at the target only. */
    DONE,
    /** Ended before the switch. */
    ABORTED,
    /** Ended after the switch, back at the source. */
    REVERTED;

    /** As it is stored and shown. */
    public String key() {
        return name().toLowerCase(Locale.ROOT).replace('_', '-');
    }

    static MoveState of(String key) {
        return valueOf(key.toUpperCase(Locale.ROOT).replace('-', '_'));
    }

    /** Whether nothing is left to do. */
    public boolean ended() {
        return this == DONE || this == ABORTED || this == REVERTED;
    }

    /** Whether there is work that the source and the target must both be there for. */
    boolean needsBoth() {
        return switch (this) {
            case PREPARING, COPYING, CATCHING_UP, SWITCHING, SWITCHED, REVERTING, RETURNING -> true;
            case CONFIRMING, CLEANING, ABORTING, DONE, ABORTED, REVERTED -> false;
        };
    }

    /** What follows at once when an operator asks for it in this state; null when it must not, or not yet. */
    @Nullable
    MoveState onWish(Wish wish) {
        return switch (this) {
            case PREPARING, COPYING, CATCHING_UP -> wish == Wish.ABORT ? ABORTING : null;
            // Asked to abort just before it switched: back it goes.
            case SWITCHED -> wish == Wish.CONFIRM ? CONFIRMING : REVERTING;
            case SWITCHING, CONFIRMING, REVERTING, RETURNING, CLEANING, ABORTING, DONE, ABORTED, REVERTED -> null;
        };
    }

    /** Whether an operator may ask for it in this state. */
    public boolean allows(Wish wish) {
        return switch (wish) {
            case ABORT -> this == PREPARING || this == COPYING || this == CATCHING_UP || this == SWITCHING;
            case CONFIRM, REVERT -> this == SWITCHED;
        };
    }

    /** What an operator may ask of an open move. */
    public enum Wish {
        /** Leave everything where it is. */
        ABORT,
        /** Give up the way back. */
        CONFIRM,
        /** Move back. */
        REVERT;

        String key() {
            return name().toLowerCase(Locale.ROOT);
        }

        static Wish of(String key) {
            return valueOf(key.toUpperCase(Locale.ROOT));
        }
    }
}
