/** The control plane: signals into history, decisions with reasons, and their effect. */
@NullMarked
package org.lectern.analytics.capacity;

import org.jspecify.annotations.NullMarked;
