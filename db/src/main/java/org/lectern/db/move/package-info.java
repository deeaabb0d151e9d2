/**
 * Moves a logical shard from one physical shard to another while it is read and written. Blocking work on threads of its
 * own, over connections of its own; uses the shards' tables, not their pools.
 */
@NullMarked
package org.lectern.db.move;

import org.jspecify.annotations.NullMarked;
