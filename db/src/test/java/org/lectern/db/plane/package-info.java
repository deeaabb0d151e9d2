/** The data plane as a whole, against real servers: nodes that share a primary and its replicas. */
@NullMarked
package org.lectern.db.plane;

import org.jspecify.annotations.NullMarked;
