package org.lectern.video.media;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.UUID;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.lectern.db.embedded.BinaryCache;
import org.lectern.infra.embedded.FfmpegBinaries;
import org.lectern.infra.embedded.FfmpegSettings;

/** Small films that FFmpeg itself makes, and ffprobe as the judge of what comes out; neither goes through our own code. */
public final class Clips {

    private static final List<String> PICTURE = List.of("-f", "lavfi", "-i");

    private final FfmpegBinaries programs;
    private final Path folder;

    /** Makes clips in a folder. */
    public Clips(Path folder) throws IOException {
        this.folder = folder;
        this.programs = FfmpegBinaries.locate(new FfmpegSettings(null, null), BinaryCache.ofUser());
    }

    FfmpegBinaries programs() {
        return programs;
    }

    /** A test picture of a size with a tone. */
    public Path film(String name, String size, int seconds) throws IOException, InterruptedException {
        return make(
                name,
                List.of("-f", "lavfi", "-i", "testsrc=s=" + size + ":r=30:d=" + seconds),
                List.of("-f", "lavfi", "-i", "sine=f=440:d=" + seconds),
                List.of("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-c:a", "aac", "-shortest"));
    }

    /** The same film in other bytes: nothing of ours takes it for the other one. */
    public static byte[] variant(byte[] film) {
        ByteBuffer other = ByteBuffer.allocate(film.length + 24).put(film);
        // An empty box, which every reader skips.
        other.putInt(24).put("free".getBytes(StandardCharsets.US_ASCII));
        UUID id = UUID.randomUUID();
        other.putLong(id.getMostSignificantBits()).putLong(id.getLeastSignificantBits());
        return other.array();
    }

    /** Whether a course's folder has a source with these bytes. */
    public static boolean stored(Path course, byte[] film) throws IOException {
        try (Stream<Path> contents = Files.list(course)) {
            for (Path content : contents.toList()) {
                Path source = content.resolve("source");
                if (Files.exists(source) && Arrays.equals(Files.readAllBytes(source), film)) {
                    return true;
                }
            }
        } catch (NoSuchFileException unused) {
            // Nothing was stored yet, or it is removed just now.
        }
        return false;
    }

    /** A test picture without sound. */
    Path silent(String name, String size, int seconds, String... more) throws IOException, InterruptedException {
        return make(
                name,
                PICTURE,
                List.of("testsrc=s=" + size + ":r=30:d=" + seconds),
                List.of(
                        more.length > 0
                                ? more
                                : new String[] {"-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p"}));
    }

    /** A tone without a picture. */
    Path tone(String name) throws IOException, InterruptedException {
        return make(name, PICTURE, List.of("sine=f=440:d=3"), List.of("-c:a", "aac"));
    }

    /** Runs ffmpeg with whatever arguments, to one file. */
    @SafeVarargs
    final Path make(String name, List<String>... arguments) throws IOException, InterruptedException {
        Path file = folder.resolve(name);
        List<String> command = new ArrayList<>(List.of(programs.ffmpeg().toString(), "-y", "-v", "error"));
        for (List<String> some : arguments) {
            command.addAll(some);
        }
        command.add(file.toString());
        run(command);
        return file;
    }

    /** What ffprobe prints, as lines. */
    List<String> ask(Path file, String... options) throws IOException, InterruptedException {
        List<String> command = new ArrayList<>(List.of(programs.ffprobe().toString(), "-v", "error"));
        command.addAll(List.of(options));
        command.addAll(List.of("-of", "csv=p=0", file.toString()));
        return run(command).lines().filter(line -> !line.isBlank()).toList();
    }

    /** What ffmpeg itself prints about a file, on its standard error. */
    String measure(Path file, String... options) throws IOException, InterruptedException {
        List<String> command =
                new ArrayList<>(List.of(programs.ffmpeg().toString(), "-hide_banner", "-i", file.toString()));
        command.addAll(List.of(options));
        return run(command);
    }

    private String run(List<String> command) throws IOException, InterruptedException {
        Path output = Files.createTempFile(folder, "output", ".txt");
        ProcessBuilder builder = new ProcessBuilder(command)
                .redirectErrorStream(true)
                .redirectInput(ProcessBuilder.Redirect.from(Path.of("/dev/null").toFile()))
                .redirectOutput(output.toFile());
        builder.environment().putAll(programs.environment());
        Process process = builder.start();
        if (!process.waitFor(2, TimeUnit.MINUTES)) {
            process.destroyForcibly();
            throw new IOException("too slow: " + command);
        }
        String text = Files.readString(output);
        if (process.exitValue() != 0) {
            throw new IOException(command + " ended with " + process.exitValue() + ": " + text);
        }
        return text;
    }
}
