package org.lectern.infra.embedded;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.channels.ClosedChannelException;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.channels.OverlappingFileLockException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.time.Duration;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Properties;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.locks.LockSupport;
import org.jspecify.annotations.Nullable;
import org.lectern.db.embedded.ChildProcess;
import org.lectern.db.embedded.EmbeddedServiceException;
import org.slf4j.Logger;
import org.slf4j.LoggerFactory;

/**
 * The servers of a folder as several JVMs share them. The first holds the lock on {@code <directory>/lock}, owns the
 * servers, and writes their addresses to {@code <directory>/services.properties}; a later one reads them and joins.
 *
 * <p>The lock is the operating system's and ends with the JVM, however it ends, so it is never stale. Whoever gets it
 * first ends what a killed predecessor left. One that joined waits for the lock as long as it lives: when the owner ends,
 * it starts the servers again on the same data and ports, so that a node that stops does not take the others with it;
 * they see a pause of some seconds and reconnect.
 *
 * <p>Thread-safe.
 */
final class SharedServices implements AutoCloseable {

    private static final Logger log = LoggerFactory.getLogger(SharedServices.class);
    private static final Duration JOIN_TIMEOUT = Duration.ofMinutes(5);
    private static final String OWNER = "owner.pid";

    private final Path directory;
    private final Map<String, String> properties;
    private final FileChannel lock;
    private @Nullable EmbeddedServices owned;
    private boolean closed;
    private volatile boolean leaving;

    private SharedServices(
            Path directory, Map<String, String> properties, FileChannel lock, @Nullable EmbeddedServices owned) {
        this.directory = directory;
        this.properties = Map.copyOf(properties);
        this.lock = lock;
        this.owned = owned;
    }

    /**
     * Starts the servers of the folder, or joins the JVM that already has. At most once for a folder in one JVM: the
     * system's locks belong to the process, and a second attempt would free the first one's.
     */
    static SharedServices startOrJoin(EmbeddedServices.Settings settings) throws IOException {
        Path directory = settings.directory();
        Files.createDirectories(
                directory, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rwx------")));
        long deadline = System.nanoTime() + JOIN_TIMEOUT.toNanos();
        while (System.nanoTime() < deadline) {
            FileChannel channel =
                    FileChannel.open(directory.resolve("lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
            if (acquired(channel)) {
                try {
                    EmbeddedServices services = own(settings);
                    return new SharedServices(directory, services.properties(), channel, services);
                } catch (IOException | RuntimeException e) {
                    channel.close();
                    throw e;
                }
            }
            Optional<Map<String, String>> running = addresses(directory);
            if (running.isPresent()) {
                log.info("Joining the node that already runs in {}: sharing its private servers", directory);
                SharedServices joined = new SharedServices(directory, running.get(), channel, null);
                Thread.ofPlatform().daemon().name("lectern-embedded-standby").start(() -> joined.standBy(settings));
                Runtime.getRuntime().addShutdownHook(Thread.ofPlatform().unstarted(() -> joined.leaving = true));
                return joined;
            }
            channel.close();
            LockSupport.parkNanos(TimeUnit.MILLISECONDS.toNanos(100));
        }
        throw new EmbeddedServiceException(
                "Another Lectern holds " + directory.resolve("lock") + " but its servers do not come up.",
                "Stop that process, or start with another lectern.embedded.directory.");
    }

    Path directory() {
        return directory;
    }

    /** Whether another JVM owns the servers. */
    synchronized boolean joined() {
        return owned == null;
    }

    Map<String, String> properties() {
        return properties;
    }

    synchronized Optional<EmbeddedServices> owned() {
        return Optional.ofNullable(owned);
    }

    /** Stops the servers if this JVM owns them, and gives the lock to whoever waits for it. */
    @Override
    public void close() throws IOException {
        synchronized (this) {
            closed = true;
            if (owned != null) {
                Files.deleteIfExists(addressFile(directory));
                owned.close();
            }
        }
        lock.close();
    }

    /** Waits for the lock, perhaps for ever; closing the channel ends the wait. */
    private void standBy(EmbeddedServices.Settings settings) {
        try {
            FileLock held = lock.lock();
            takeOver(settings, held);
        } catch (ClosedChannelException ignored) {
            log.debug("this node stops while it stands by in {}", directory);
        } catch (IOException | RuntimeException e) {
            log.error("The node that owned the private servers is gone, and this one cannot start them", e);
        }
    }

    private synchronized void takeOver(EmbeddedServices.Settings settings, FileLock held) throws IOException {
        if (closed || leaving || !held.isValid()) {
            return;
        }
        log.info("The node that owned the private servers is gone; starting them again on its data");
        EmbeddedServices services = own(settings);
        owned = services;
        if (!services.properties().equals(properties)) {
            log.error("The private servers could not have their old ports again; restart this node");
        }
    }

    private static EmbeddedServices own(EmbeddedServices.Settings settings) throws IOException {
        Path directory = settings.directory();
        Files.deleteIfExists(addressFile(directory));
        ChildProcess.endLeftovers(directory.resolve("run"));
        EmbeddedServices services = EmbeddedServices.start(settings);
        publish(directory, services.properties());
        return services;
    }

    private static boolean acquired(FileChannel channel) throws IOException {
        try {
            FileLock lock = channel.tryLock();
            return lock != null;
        } catch (OverlappingFileLockException ignored) {
            return false;
        }
    }

    private static void publish(Path directory, Map<String, String> properties) throws IOException {
        Properties content = new Properties();
        content.putAll(properties);
        content.setProperty(OWNER, Long.toString(ProcessHandle.current().pid()));
        Path file = addressFile(directory);
        Path draft = file.resolveSibling("services.part");
        Files.deleteIfExists(draft);
        Files.createFile(draft, PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
        try (OutputStream out = Files.newOutputStream(draft)) {
            content.store(out, "Private servers of the Lectern that runs in this folder");
        }
        Files.move(draft, file, StandardCopyOption.ATOMIC_MOVE, StandardCopyOption.REPLACE_EXISTING);
    }

    private static Optional<Map<String, String>> addresses(Path directory) throws IOException {
        Path file = addressFile(directory);
        if (!Files.exists(file)) {
            return Optional.empty();
        }
        Properties content = new Properties();
        try (InputStream in = Files.newInputStream(file)) {
            content.load(in);
        }
        Object owner = content.remove(OWNER);
        boolean alive = owner != null
                && ProcessHandle.of(Long.parseLong(owner.toString()))
                        .filter(ProcessHandle::isAlive)
                        .isPresent();
        if (!alive) {
            return Optional.empty();
        }
        Map<String, String> properties = new LinkedHashMap<>();
        content.stringPropertyNames().forEach(name -> properties.put(name, content.getProperty(name)));
        return Optional.of(properties);
    }

    private static Path addressFile(Path directory) {
        return directory.resolve("services.properties");
    }
}
