/** Which region a request belongs to: it decides the replica, the address of assets and the limits. */
@NullMarked
package org.lectern.infra.regions;

import org.jspecify.annotations.NullMarked;
