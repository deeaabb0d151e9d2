package org.lectern.db.embedded;

import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.FileChannel;
import java.nio.channels.FileLock;
import java.nio.file.AtomicMoveNotSupportedException;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.BasicFileAttributes;
import java.nio.file.attribute.PosixFilePermission;
import java.util.EnumSet;
import java.util.Optional;
import java.util.Set;
import java.util.concurrent.locks.ReentrantLock;
import java.util.zip.CRC32;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import org.tukaani.xz.XZInputStream;

/**
 * Where binaries from the class path are unpacked, once for each version and user. A folder appears complete or not at
 * all (unpacked beside it, then renamed), and two JVMs may ask at once. Thread-safe.
 */
public final class BinaryCache {

    private static final ReentrantLock lock = new ReentrantLock();

    private final Path root;

    /** A cache in the given folder, which is created when it is first needed. */
    public BinaryCache(Path root) {
        this.root = root.toAbsolutePath();
    }

    /** The cache of this user: {@code $XDG_CACHE_HOME/lectern}, or {@code ~/.cache/lectern}. */
    public static BinaryCache ofUser() {
        Path base = Optional.ofNullable(System.getenv("XDG_CACHE_HOME"))
                .filter(folder -> !folder.isBlank())
                .map(Path::of)
                .orElseGet(() -> Path.of(System.getProperty("user.home"), ".cache"));
        return new BinaryCache(base.resolve("lectern"));
    }

    /** Fills a folder; called at most once for each version. */
    @FunctionalInterface
    public interface Unpacking {
        /** Writes all files into the folder, which exists and is empty. */
        void into(Path folder) throws IOException;
    }

    /**
     * The unpacked folder of the given name.
     *
     * @param name with the version in it, for example {@code postgres-18.6.0}
     */
    public Path folder(String name, Unpacking unpacking) throws IOException {
        Path folder = root.resolve(name);
        if (Files.isDirectory(folder)) {
            return folder;
        }
        Files.createDirectories(root);
        lock.lock();
        try (FileChannel channel = FileChannel.open(
                        root.resolve(name + ".lock"), StandardOpenOption.CREATE, StandardOpenOption.WRITE);
                FileLock held = channel.lock()) {
            if (Files.isDirectory(folder)) {
                return folder;
            }
            if (!held.isValid()) {
                throw new IOException("lost the lock on " + folder);
            }
            Path draft = root.resolve(name + ".part");
            deleteTree(draft);
            Files.createDirectory(draft);
            unpacking.into(draft);
            try {
                Files.move(draft, folder, StandardCopyOption.ATOMIC_MOVE);
            } catch (AtomicMoveNotSupportedException ignored) {
                Files.move(draft, folder);
            }
            return folder;
        } finally {
            lock.unlock();
        }
    }

    /** Unpacks a {@code .txz} with its modes and symbolic links; refuses entries that would leave the folder. */
    static void unpackTarXz(InputStream archive, Path folder) throws IOException {
        try (TarArchiveInputStream tar = new TarArchiveInputStream(new XZInputStream(archive))) {
            for (TarArchiveEntry entry = tar.getNextEntry(); entry != null; entry = tar.getNextEntry()) {
                Path target = folder.resolve(entry.getName()).normalize();
                if (!target.startsWith(folder)) {
                    throw new IOException("archive entry outside of its folder: " + entry.getName());
                }
                if (entry.isDirectory()) {
                    Files.createDirectories(target);
                    continue;
                }
                Files.createDirectories(parentOf(target));
                if (entry.isSymbolicLink()) {
                    Path link = Path.of(entry.getLinkName());
                    if (!parentOf(target).resolve(link).normalize().startsWith(folder)) {
                        throw new IOException("archive link outside of its folder: " + entry.getName());
                    }
                    Files.createSymbolicLink(target, link);
                } else if (entry.isLink()) {
                    Path source = folder.resolve(entry.getLinkName()).normalize();
                    if (!source.startsWith(folder)) {
                        throw new IOException("archive link outside of its folder: " + entry.getName());
                    }
                    Files.copy(source, target);
                } else {
                    Files.copy(tar, target);
                    Files.setPosixFilePermissions(target, permissions((entry.getMode() & 0100) != 0));
                }
            }
        }
    }

    /** A short name for the content of a resource, to tell versions apart where a file carries none. */
    static String checksum(InputStream content) throws IOException {
        CRC32 crc = new CRC32();
        byte[] buffer = new byte[1 << 16];
        for (int read = content.read(buffer); read >= 0; read = content.read(buffer)) {
            crc.update(buffer, 0, read);
        }
        return String.format("%08x", crc.getValue());
    }

    /** Makes a file readable by all and, if asked, executable by all; the cache holds nothing secret. */
    public static Set<PosixFilePermission> permissions(boolean executable) {
        Set<PosixFilePermission> permissions = EnumSet.of(
                PosixFilePermission.OWNER_READ,
                PosixFilePermission.OWNER_WRITE,
                PosixFilePermission.GROUP_READ,
                PosixFilePermission.OTHERS_READ);
        if (executable) {
            permissions.add(PosixFilePermission.OWNER_EXECUTE);
            permissions.add(PosixFilePermission.GROUP_EXECUTE);
            permissions.add(PosixFilePermission.OTHERS_EXECUTE);
        }
        return permissions;
    }

    /** Deletes a folder with all that is in it; harmless when there is none. Links are removed, not followed. */
    public static void deleteTree(Path folder) throws IOException {
        if (!Files.exists(folder, java.nio.file.LinkOption.NOFOLLOW_LINKS)) {
            return;
        }
        Files.walkFileTree(folder, new SimpleFileVisitor<>() {
            @Override
            public FileVisitResult visitFile(Path file, BasicFileAttributes attributes) throws IOException {
                Files.delete(file);
                return FileVisitResult.CONTINUE;
            }

            @Override
            public FileVisitResult postVisitDirectory(
                    Path directory, java.io.@org.jspecify.annotations.Nullable IOException failure) throws IOException {
                if (failure != null) {
                    throw failure;
                }
                Files.delete(directory);
                return FileVisitResult.CONTINUE;
            }
        });
    }

    private static Path parentOf(Path path) throws IOException {
        Path parent = path.getParent();
        if (parent == null) {
            throw new IOException("no parent: " + path);
        }
        return parent;
    }
}
