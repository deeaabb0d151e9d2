/** Names and Role Provisioning Services 2.0: who is in a course, read whole or by differences, by a job. */
@NullMarked
package org.lectern.app.lti.service.roster;

import org.jspecify.annotations.NullMarked;
