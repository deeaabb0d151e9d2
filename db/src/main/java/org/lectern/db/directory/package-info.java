/** The one directory database: what is not sharded by course (platforms, sessions, contexts, the shard map, audit). */
@NullMarked
package org.lectern.db.directory;

import org.jspecify.annotations.NullMarked;
