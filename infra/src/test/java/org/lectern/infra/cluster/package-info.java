@NullMarked
package org.lectern.infra.cluster;

import org.jspecify.annotations.NullMarked;
