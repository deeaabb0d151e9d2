/**
 * Values that are dear to compute and may be a little old: in memory, then in Redis, then from their source. Uses the
 * link to Redis and nothing else of Lectern.
 */
@NullMarked
package org.lectern.infra.cache;

import org.jspecify.annotations.NullMarked;
