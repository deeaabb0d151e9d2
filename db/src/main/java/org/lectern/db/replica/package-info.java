/** Which server answers: the primary for writes, a replica that is near, healthy and fresh enough for reads. */
@NullMarked
package org.lectern.db.replica;

import org.jspecify.annotations.NullMarked;
