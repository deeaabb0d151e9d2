/** The OpenAPI description of the HTTP API, at {@code /v3/api-docs}. */
@NullMarked
package org.lectern.app.description;

import org.jspecify.annotations.NullMarked;
