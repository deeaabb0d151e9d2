/** Tests of whole nodes: the real application on its own private servers. */
@NullMarked
package org.lectern.app.node;

import org.jspecify.annotations.NullMarked;
