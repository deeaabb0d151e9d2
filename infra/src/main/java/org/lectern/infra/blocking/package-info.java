/** What may block on an event loop all the same, and why; only tests that run with BlockHound load this. */
@NullMarked
package org.lectern.infra.blocking;

import org.jspecify.annotations.NullMarked;
