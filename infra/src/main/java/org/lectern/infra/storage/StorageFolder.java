package org.lectern.infra.storage;

import java.nio.file.Path;

/**
 * The folder of the file storage, which all nodes share. What must lie on the same disk as the objects (uploads on their
 * way, working folders) has folders of its own beside them.
 *
 * @param root absolute path; made when it is first needed
 */
public record StorageFolder(Path root) {

    /** Makes the path absolute. */
    public StorageFolder {
        root = root.toAbsolutePath().normalize();
    }

    /** Where the objects themselves are. */
    Path objects() {
        return root.resolve("objects");
    }
}
