@NullMarked
package org.lectern.infra.batching;

import org.jspecify.annotations.NullMarked;
