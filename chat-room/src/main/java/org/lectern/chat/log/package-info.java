/** A room's entries in PostgreSQL: written in batches, each with its number from the commit, and read back. */
@NullMarked
package org.lectern.chat.log;

import org.jspecify.annotations.NullMarked;
