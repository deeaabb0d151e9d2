/** The load for {@code bench/chat.sh}: one driver for every server that is measured, and the bare loop to compare with. */
@NullMarked
package org.lectern.chat.bench;

import org.jspecify.annotations.NullMarked;
