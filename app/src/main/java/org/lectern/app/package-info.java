/** The reactive web tier and the only main class: it starts what the node's roles ask for. */
@NullMarked
package org.lectern.app;

import org.jspecify.annotations.NullMarked;
