/** Positions of sessions over a real Redis. */
@NullMarked
package org.lectern.infra.consistency;

import org.jspecify.annotations.NullMarked;
