package org.lectern.db.move;

/** A move that cannot be made as things are, with the reason for an operator; nothing was changed by the refusal. */
public final class MoveRefusedException extends RuntimeException {

    private static final long serialVersionUID = 1L;

    /** With what to change. */
    public MoveRefusedException(String reason) {
        super(reason);
    }
}
