package org.lectern.infra.scaling;

import reactor.core.publisher.Flux;

/** Measures something when asked; each source is a bean of the module that owns the thing. Must not block. */
public interface SignalSource {

    /** The values now; an error means not measurable now and spoils no other source. */
    Flux<Signal> measure();

    /**
     * Whether the values belong to this node alone (its CPU, its sockets), so that every node measures its own. The
     * default, false, is for what looks the same from everywhere (a queue, a replica): one node measures it for all.
     */
    default boolean ofThisNode() {
        return false;
    }
}
