/** Work that outlives a request: the job row in PostgreSQL is the truth, RabbitMQ carries its id by priority. */
@NullMarked
package org.lectern.infra.jobs;

import org.jspecify.annotations.NullMarked;
