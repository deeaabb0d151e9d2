/** Which shard holds a context, and transactions and reads on it. */
@NullMarked
package org.lectern.db.shard;

import org.jspecify.annotations.NullMarked;
