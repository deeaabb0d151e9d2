package org.lectern.infra.storage;

import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.util.function.Predicate;
import org.jspecify.annotations.Nullable;
import org.springframework.core.io.buffer.DataBuffer;
import reactor.core.publisher.Flux;
import reactor.core.publisher.Mono;

/**
 * Stores objects by key, in one region. Keys are relative paths of letters, digits, {@code . _ - /}, never with
 * {@code ..}. Thread-safe; bytes stream, so memory does not grow with an object's size.
 */
public interface ObjectStorage {

    /**
     * Stores a local file under a key; readers see all of it or nothing. Replaces what was there. Durable when it
     * completes. The file must not be written to afterwards: a storage on the same disk may share its bytes.
     */
    Mono<Void> put(String key, Path file);

    /**
     * Stores as much of a local file as it can in a time; called again with the same file it goes on where it stopped, also from another
     * node. Only for keys under which never anything else is stored, since what was sent once is not looked at again.
     *
     * @param within after which time nothing new is begun; what was begun is ended. Every call gets further
     * @return whether all of it is stored; readers see nothing before
     */
    Mono<Boolean> put(String key, Path file, Duration within);

    /**
     * Removes what was begun before an instant and never finished, as by nodes that were killed.
     *
     * @param ours which keys are Lectern's: a store may hold what others have begun, which is left alone
     */
    Mono<Void> sweep(Instant begunBefore, Predicate<String> ours);

    /** What is known of an object, or empty when there is none. */
    Mono<StoredObject> head(String key);

    /**
     * Reads bytes.
     *
     * @param from first byte, from 0
     * @param length how many; null to the end
     * @return buffers that the subscriber must release; errors with {@link ObjectMissingException}
     */
    Flux<DataBuffer> get(String key, long from, @Nullable Long length);

    /**
     * Brings an object to a local file for a program that needs one; the file must not be written to, only deleted.
     * Errors with {@link ObjectMissingException}.
     *
     * @param target a file that does not exist yet, in a folder that does
     */
    Mono<Void> fetch(String key, Path target);

    /** Every object whose key begins with the prefix, in no order. What changes meanwhile may be listed or not. */
    Flux<StoredObject> list(String prefix);

    /** Removes every object whose key begins with the prefix; nothing there is no error. */
    Mono<Void> deleteAll(String prefix);

    /**
     * An object.
     *
     * @param key its key
     * @param sizeBytes its size
     */
    record StoredObject(String key, long sizeBytes) {}
}
