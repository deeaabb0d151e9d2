/**
 * The data plane: which database holds a course, how to read and write it, and what has been migrated. Everything above
 * uses PostgreSQL only through this module; it uses nothing of Lectern itself.
 */
@NullMarked
package org.lectern.db;

import org.jspecify.annotations.NullMarked;
