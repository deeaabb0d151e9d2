/** Writes that arrive together go together, without a timer. Pure: adapters decide what a commit is. */
@NullMarked
package org.lectern.infra.batching;

import org.jspecify.annotations.NullMarked;
