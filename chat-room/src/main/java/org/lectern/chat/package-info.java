/**
 * Chat rooms, one per course: order and truth in PostgreSQL, delivery by any node. This package holds the settings;
 * {@code protocol} the frames, {@code room} the pure rules, {@code log} what is written and read, {@code live} the rooms
 * with sockets on this node, {@code door} who comes in and how.
 */
@NullMarked
package org.lectern.chat;

import org.jspecify.annotations.NullMarked;
