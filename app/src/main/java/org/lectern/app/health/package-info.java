/** Whether this node can do what its roles ask of it; what a load balancer looks at. */
@NullMarked
package org.lectern.app.health;

import org.jspecify.annotations.NullMarked;
