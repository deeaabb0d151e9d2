package org.lectern.infra.embedded;

import java.io.IOException;
import java.io.InputStream;
import java.net.JarURLConnection;
import java.net.URL;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.jar.JarEntry;
import java.util.jar.JarFile;
import java.util.zip.CRC32;
import org.jspecify.annotations.Nullable;
import org.lectern.db.embedded.BinaryCache;
import org.lectern.db.embedded.ChildProcess;
import org.lectern.db.embedded.EmbeddedServiceException;

/**
 * FFmpeg's two programs and how to run them.
 *
 * @param ffmpeg the encoder, absolute
 * @param ffprobe the probe, absolute
 * @param environment variables without which they do not find their libraries; add them to the process's environment
 * @param origin where they come from, for people
 */
public record FfmpegBinaries(Path ffmpeg, Path ffprobe, Map<String, String> environment, String origin) {

    private static final String BUNDLED = "org/bytedeco/ffmpeg/linux-x86_64-gpl/";

    /** Copies the map. */
    public FfmpegBinaries {
        environment = Map.copyOf(environment);
    }

    /**
     * Finds FFmpeg: as configured, else the build on the class path (its options are known), else the one on the PATH.
     * The build on the class path is unpacked at its first use, which takes a second or two.
     *
     * @throws EmbeddedServiceException if there is none, with what to install
     */
    public static FfmpegBinaries locate(FfmpegSettings settings, BinaryCache cache) throws IOException {
        @Nullable Path configured = settings.ffmpeg();
        if (configured != null) {
            @Nullable Path probe = settings.ffprobe();
            return existing(configured, probe == null ? configured.resolveSibling("ffprobe") : probe);
        }
        @Nullable URL bundled = FfmpegBinaries.class.getResource("/" + BUNDLED + "ffmpeg");
        if (bundled != null && isLinuxOnIntel()) {
            return unpacked(bundled, cache);
        }
        Optional<Path> ffmpeg = ChildProcess.findOnPath("ffmpeg");
        Optional<Path> ffprobe = ChildProcess.findOnPath("ffprobe");
        if (ffmpeg.isPresent() && ffprobe.isPresent()) {
            return new FfmpegBinaries(ffmpeg.get(), ffprobe.get(), Map.of(), "the machine's");
        }
        throw new EmbeddedServiceException(
                "There is no ffmpeg on this machine, and none for its kind on the class path.",
                "Install it (Debian: apt install ffmpeg; macOS: brew install ffmpeg), or set lectern.video.ffmpeg.");
    }

    private static FfmpegBinaries existing(Path ffmpeg, Path ffprobe) {
        for (Path program : List.of(ffmpeg, ffprobe)) {
            if (!Files.isExecutable(program)) {
                throw new EmbeddedServiceException(
                        "The configured " + program + " is not a program.",
                        "Set lectern.video.ffmpeg and lectern.video.ffprobe to the programs, or leave both out.");
            }
        }
        return new FfmpegBinaries(ffmpeg.toAbsolutePath(), ffprobe.toAbsolutePath(), Map.of(), "configured");
    }

    private static FfmpegBinaries unpacked(URL resource, BinaryCache cache) throws IOException {
        if (!(resource.openConnection() instanceof JarURLConnection connection)) {
            throw new IOException("not in a jar: " + resource);
        }
        connection.setUseCaches(false);
        Path folder;
        try (JarFile jar = connection.getJarFile()) {
            List<JarEntry> files = jar.stream()
                    .filter(entry -> entry.getName().startsWith(BUNDLED) && !entry.isDirectory())
                    .filter(entry -> isProgramOrLibrary(entry.getName().substring(BUNDLED.length())))
                    .toList();
            CRC32 version = new CRC32();
            files.forEach(entry -> version.update((entry.getName() + entry.getCrc()).getBytes(StandardCharsets.UTF_8)));
            folder = cache.folder(String.format("ffmpeg-%08x", version.getValue()), target -> {
                for (JarEntry entry : files) {
                    Path file = target.resolve(entry.getName().substring(BUNDLED.length()));
                    try (InputStream content = jar.getInputStream(entry)) {
                        Files.copy(content, file);
                    }
                    Files.setPosixFilePermissions(file, BinaryCache.permissions(true));
                }
            });
        }
        return new FfmpegBinaries(
                folder.resolve("ffmpeg"),
                folder.resolve("ffprobe"),
                Map.of("LD_LIBRARY_PATH", folder.toString()),
                "from the class path");
    }

    /** The Java bindings in the jar are not needed, and no entry may lie in a folder of its own. */
    private static boolean isProgramOrLibrary(String name) {
        return !name.contains("/")
                && !name.startsWith("libjni")
                && (name.equals("ffmpeg") || name.equals("ffprobe") || name.contains(".so"));
    }

    private static boolean isLinuxOnIntel() {
        return System.getProperty("os.name").startsWith("Linux")
                && List.of("amd64", "x86_64").contains(System.getProperty("os.arch"));
    }
}
