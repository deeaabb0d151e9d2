/** Tests of the room's law and of what is read from texts. */
@NullMarked
package org.lectern.chat.log;

import org.jspecify.annotations.NullMarked;
