@NullMarked
package org.lectern.chat.door;

import org.jspecify.annotations.NullMarked;
