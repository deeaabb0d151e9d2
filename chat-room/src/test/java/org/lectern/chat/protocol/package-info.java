@NullMarked
package org.lectern.chat.protocol;

import org.jspecify.annotations.NullMarked;
