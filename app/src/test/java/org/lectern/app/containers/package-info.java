/** The whole-node tests on containers instead of the servers that Lectern starts itself. */
@NullMarked
package org.lectern.app.containers;

import org.jspecify.annotations.NullMarked;
