/** The pages people see: public shells without data; what they show comes over the API with the session's token. */
@NullMarked
package org.lectern.app.pages;

import org.jspecify.annotations.NullMarked;
