/** Technical adapters that the features share; one package for each, none knows a feature. */
@NullMarked
package org.lectern.infra;

import org.jspecify.annotations.NullMarked;
