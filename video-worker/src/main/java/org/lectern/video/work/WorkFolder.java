package org.lectern.video.work;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Path;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;
import org.springframework.util.FileSystemUtils;

/**
 * A folder that is gone when the work ends.
 *
 * @param path the folder
 */
record WorkFolder(Path path) implements AutoCloseable {

    private static final Logger LOG = LoggerFactory.getLogger(WorkFolder.class);

    @Override
    public void close() {
        // An interrupt must not keep the folder: channels would close at once.
        boolean interrupted = Thread.interrupted();
        try {
            FileSystemUtils.deleteRecursively(path);
        } catch (IOException | UncheckedIOException failed) {
            LOG.warn("Working folder {} stays behind", path, failed);
        } finally {
            if (interrupted) {
                Thread.currentThread().interrupt();
            }
        }
    }
}
