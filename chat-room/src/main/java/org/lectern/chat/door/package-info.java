/** Who comes in and how: tickets, seats, limits, the HTTP routes and the sockets of chat. */
@NullMarked
package org.lectern.chat.door;

import org.jspecify.annotations.NullMarked;
