/** The product as people use it: the whole application, its real servers, and a real headless Chromium. */
@NullMarked
package org.lectern.app.e2e;

import org.jspecify.annotations.NullMarked;
