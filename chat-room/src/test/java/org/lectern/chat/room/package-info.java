@NullMarked
package org.lectern.chat.room;

import org.jspecify.annotations.NullMarked;
