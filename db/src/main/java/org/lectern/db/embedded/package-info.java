/**
 * Private servers for a first run and for tests: child processes that end with this JVM, and PostgreSQL with streaming
 * replicas from the binaries on the class path. Uses nothing of Lectern itself and no Spring.
 */
@NullMarked
package org.lectern.db.embedded;

import org.jspecify.annotations.NullMarked;
