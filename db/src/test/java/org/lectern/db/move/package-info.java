/** Moves of logical shards against real servers, with movers that are killed. */
@NullMarked
package org.lectern.db.move;

import org.jspecify.annotations.NullMarked;
