/** Where time, ids and randomness come from: beans, so that tests can hold them still. */
@NullMarked
package org.lectern.infra.ids;

import org.jspecify.annotations.NullMarked;
