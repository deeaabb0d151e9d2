/** Objects too large for a database row: video sources, renditions, pictures. */
@NullMarked
package org.lectern.infra.storage;

import org.jspecify.annotations.NullMarked;
