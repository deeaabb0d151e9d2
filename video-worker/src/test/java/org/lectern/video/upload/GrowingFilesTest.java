package org.lectern.video.upload;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatExceptionOfType;

import io.micrometer.core.instrument.simple.SimpleMeterRegistry;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ClosedByInterruptException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Iterator;
import java.util.List;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.lectern.infra.problem.ProblemException;
import org.lectern.infra.problem.ProblemType;
import org.lectern.video.upload.TusRequest.Checksum;

class GrowingFilesTest {

    /** SHA-1 of "abc". */
    private static final Checksum ABC = new Checksum("SHA-1", "qZk+NkcGgWq6PiVxeFDCbJzQ2J0=");

    @TempDir
    private Path folder = Path.of("");

    private final GrowingFiles files = new GrowingFiles(new SimpleMeterRegistry());
    private Path file = Path.of("");

    @BeforeEach
    void create() throws IOException {
        file = folder.resolve("upload");
        files.create(file);
    }

    private static ByteBuffer bytes(String text) {
        return ByteBuffer.wrap(text.getBytes(StandardCharsets.US_ASCII));
    }

    /** Whether a second process that would write to the file finds it locked. */
    private boolean lockedForOthers() throws IOException, InterruptedException {
        Process other = new ProcessBuilder(
                        "/bin/sh",
                        "-c",
                        "exec perl -e 'use Fcntl qw(:DEFAULT :seek); open(my $f, \"+<\", $ARGV[0]) or exit 9;"
                                + " my $lock = pack(\"s s x4 q q l x4\", F_WRLCK, SEEK_SET, 0, 0, 0);"
                                + " exit(fcntl($f, F_SETLK, $lock) ? 0 : 1)' " + file)
                .redirectErrorStream(true)
                .redirectOutput(ProcessBuilder.Redirect.DISCARD)
                .start();
        assertThat(other.waitFor(20, TimeUnit.SECONDS)).isTrue();
        assertThat(other.exitValue()).isIn(0, 1);
        return other.exitValue() == 1;
    }

    @Test
    void askingForTheLengthKeepsOtherProcessesOut() throws IOException, InterruptedException {
        GrowingFile growing = files.open(file, 0, 100, null);
        growing.write(bytes("abc"));
        assertThat(lockedForOthers()).isTrue();
        assertThat(files.length(file)).isEqualTo(3);
        assertThatExceptionOfType(ProblemException.class)
                .isThrownBy(() -> files.open(file, 3, 100, null))
                .satisfies(problem -> assertThat(problem.type()).isEqualTo(ProblemType.LOCKED));
        // Each of the two opened and closed a channel of its own once, and with it dropped the lock.
        assertThat(lockedForOthers()).isTrue();
        growing.close();
        assertThat(lockedForOthers()).isFalse();
    }

    @Test
    void bytesThatAnotherNodeTakesAwayJustNowDoNotCount() throws IOException {
        // Seven bytes were too many: they and their mark go while somebody asks.
        Iterator<Long> sizes = List.of(10L, 3L, 3L, 3L).iterator();
        Iterator<Long> marks =
                List.of(3L, Long.MAX_VALUE, Long.MAX_VALUE, Long.MAX_VALUE).iterator();
        assertThat(GrowingFiles.settledLength(marks::next, sizes::next)).isEqualTo(3);
        // The mark is not there yet, the bytes are.
        sizes = List.of(10L, 10L, 10L, 10L).iterator();
        marks = List.of(Long.MAX_VALUE, 3L, 3L, 3L).iterator();
        assertThat(GrowingFiles.settledLength(marks::next, sizes::next)).isEqualTo(3);
        // Bytes without a checksum come all the time.
        AtomicLong size = new AtomicLong(3);
        assertThat(GrowingFiles.settledLength(() -> Long.MAX_VALUE, size::incrementAndGet))
                .isEqualTo(4);
    }

    @Test
    void bytesWithoutTheirChecksumNeverCount() throws IOException {
        GrowingFile growing = files.open(file, 0, 100, ABC);
        growing.write(bytes("ab"));
        assertThat(files.length(file)).isZero();
        growing.close();
        assertThat(Files.size(file)).isZero();

        GrowingFile right = files.open(file, 0, 100, ABC);
        right.write(bytes("abc"));
        assertThat(right.finish()).isEqualTo(3);
        right.close();
        assertThat(files.length(file)).isEqualTo(3);
    }

    @Test
    void anInterruptedRequestLeavesNoUnverifiedByte() throws IOException {
        GrowingFile first = files.open(file, 0, 100, null);
        first.write(bytes("xyz"));
        first.finish();
        first.close();

        GrowingFile growing = files.open(file, 3, 100, ABC);
        growing.write(bytes("ab"));
        Thread.currentThread().interrupt();
        assertThatExceptionOfType(ClosedByInterruptException.class).isThrownBy(() -> growing.write(bytes("c")));
        assertThat(Thread.interrupted()).isTrue();
        growing.close();

        // The bytes are in the file, since a closed channel cannot take them away; but they do not count.
        assertThat(Files.size(file)).isEqualTo(5);
        assertThat(files.length(file)).isEqualTo(3);
        GrowingFile again = files.open(file, 3, 100, null);
        again.write(bytes("!"));
        again.finish();
        again.close();
        assertThat(Files.readString(file)).isEqualTo("xyz!");
    }

    @Test
    void partsBecomeOneFile() throws IOException {
        Path one = Files.writeString(folder.resolve("one"), "abc");
        Path two = Files.writeString(folder.resolve("two"), "def");
        assertThat(files.concatenate(file, List.of(one, two, one))).isEqualTo(9);
        assertThat(Files.readString(file)).isEqualTo("abcdefabc");
    }
}
