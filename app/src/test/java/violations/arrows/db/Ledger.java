package violations.arrows.db;

import violations.arrows.app.Edge;

/** An arrow upwards. */
public class Ledger {
    public final Edge edge = new Edge();
}
