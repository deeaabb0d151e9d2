/** What each session has written, found by every node: read-your-writes across nodes. */
@NullMarked
package org.lectern.infra.consistency;

import org.jspecify.annotations.NullMarked;
