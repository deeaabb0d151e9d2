/**
 * The demo LMS: a small but true LTI platform, so that anyone can launch Lectern within a minute. It exists only beside
 * embedded services, answers on loopback only, and uses nothing of Lectern but its public addresses and the port by
 * which platforms are registered.
 */
@NullMarked
package org.lectern.app.demo;

import org.jspecify.annotations.NullMarked;
