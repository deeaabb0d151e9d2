/** What the control plane sees and moves: signals and actuators, implemented by whoever owns the thing. */
@NullMarked
package org.lectern.infra.scaling;

import org.jspecify.annotations.NullMarked;
