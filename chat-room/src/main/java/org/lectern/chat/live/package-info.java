/** The rooms that have sockets on this node: order, delivery, resuming, presence, and the repair of what was lost. */
@NullMarked
package org.lectern.chat.live;

import org.jspecify.annotations.NullMarked;
