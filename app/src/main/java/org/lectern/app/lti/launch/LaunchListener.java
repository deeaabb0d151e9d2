package org.lectern.app.lti.launch;

import reactor.core.publisher.Mono;

/**
 * Is told of each launch that kept every rule, before its session is opened; the launch waits for it. A claim that is of
 * no use is left alone, since it is no reason to refuse a launch: an error here means that the launch fails.
 */
@FunctionalInterface
public interface LaunchListener {

    /** Writes down what the launch brought. */
    Mono<Void> launched(LaunchFacts facts);
}
