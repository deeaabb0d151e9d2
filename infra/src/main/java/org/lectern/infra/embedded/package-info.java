/**
 * The embedded default: what is not configured is started as private servers in {@code .lectern/} before any bean exists,
 * shared by all nodes of that folder, and stopped after the last bean is gone. Uses {@code org.lectern.db.embedded}.
 */
@NullMarked
package org.lectern.infra.embedded;

import org.jspecify.annotations.NullMarked;
