package org.lectern.infra.cluster;

import java.time.Duration;
import java.util.function.Function;
import reactor.core.Disposable;
import reactor.core.publisher.Mono;

/**
 * Asks one node something and waits for its answer. A question may be lost, and an answer too: after an error the caller
 * does not know whether the other node did what it was asked for, so only what may be done twice may be asked. Questions
 * of one caller to one node may overtake each other.
 */
public interface NodeCalls {

    /**
     * Asks a node. Errors at once when no node listens under that id or Redis does not answer, when too many questions
     * are under way, and when the patience ends.
     *
     * @param node the id of the node
     * @param subject what kind of question it is
     */
    Mono<byte[]> ask(String node, String subject, byte[] question, Duration patience);

    /**
     * Answers questions of a kind until disposed. The answerer is called from any thread and must not block; when it
     * errors, so does the caller's answer.
     */
    Disposable answer(String subject, Function<byte[], Mono<byte[]>> answerer);
}
