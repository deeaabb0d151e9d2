/** The rules of a room, pure: how many shards it has, where a socket goes, who sends too much. */
@NullMarked
package org.lectern.chat.room;

import org.jspecify.annotations.NullMarked;
