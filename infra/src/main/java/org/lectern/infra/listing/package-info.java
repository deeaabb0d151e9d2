/**
 * How lists are answered everywhere: {@code {"items": [...], "next": "..."}}, newest first, by keyset. Every list route
 * of every feature returns {@link org.lectern.infra.listing.Listing}.
 */
@NullMarked
package org.lectern.infra.listing;

import org.jspecify.annotations.NullMarked;
