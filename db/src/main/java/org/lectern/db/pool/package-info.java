/** One bounded pool of connections for each database on each server. Uses only the settings. */
@NullMarked
package org.lectern.db.pool;

import org.jspecify.annotations.NullMarked;
