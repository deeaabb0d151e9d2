/** Which nodes are alive, and how they tell each other things: Redis coordinates, and may be flushed. */
@NullMarked
package org.lectern.infra.cluster;

import org.jspecify.annotations.NullMarked;
