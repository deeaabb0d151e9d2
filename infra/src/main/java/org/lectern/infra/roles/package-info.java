/** What this node does: its roles, and the condition that keeps the beans of other roles from starting. */
@NullMarked
package org.lectern.infra.roles;

import org.jspecify.annotations.NullMarked;
