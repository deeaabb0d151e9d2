package org.lectern.infra.storage;

/** Whoever stores objects says which ones: a bucket may hold what others keep there, which nothing of ours may touch. */
@FunctionalInterface
public interface ObjectOwner {

    /** Whether an object with this key is one of its own, as exactly as its keys permit; also of one that is half stored. */
    boolean owns(String key);
}
