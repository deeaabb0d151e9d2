/** Tests of what live rooms tell. */
@NullMarked
package org.lectern.chat.live;

import org.jspecify.annotations.NullMarked;
