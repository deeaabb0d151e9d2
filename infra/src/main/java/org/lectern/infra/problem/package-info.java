/** Faults that a client may see, as data: RFC 9457 types with their status; the edge (app) renders them, once. */
@NullMarked
package org.lectern.infra.problem;

import org.jspecify.annotations.NullMarked;
