/**
 * The one connection to Redis (Redisson). Redis coordinates and speeds up; it may be down or flushed at any time, so
 * nothing here keeps a node from starting or serving.
 */
@NullMarked
package org.lectern.infra.redis;

import org.jspecify.annotations.NullMarked;
