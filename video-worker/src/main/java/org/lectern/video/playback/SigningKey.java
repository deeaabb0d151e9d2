package org.lectern.video.playback;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.Set;
import org.jspecify.annotations.Nullable;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.lectern.video.VideoFiles;
import org.lectern.video.VideoSettings;
import org.springframework.stereotype.Component;

/**
 * The secret of playback addresses: as configured, else a random one in the shared folder, made by the first node that needs it,
 * readable by its user only. Read once, at start.
 */
@Component
@ConditionalOnRole(NodeRole.WEB)
final class SigningKey {

    private static final String FILE = "signing.key";
    private static final int BYTES = 32;

    private final byte[] key;

    SigningKey(VideoSettings settings, VideoFiles files, SecureRandom random) {
        @Nullable String configured = settings.signingSecret();
        if (configured != null) {
            this.key = configured.getBytes(StandardCharsets.UTF_8);
            return;
        }
        try {
            this.key = kept(files.root(), random);
        } catch (IOException failed) {
            throw new UncheckedIOException("the secret of playback addresses cannot be kept", failed);
        }
    }

    byte[] bytes() {
        return key;
    }

    private static byte[] kept(Path folder, SecureRandom random) throws IOException {
        Path file = Files.createDirectories(folder).resolve(FILE);
        if (!Files.exists(file)) {
            byte[] fresh = new byte[BYTES];
            random.nextBytes(fresh);
            Path draft = Files.createTempFile(
                    folder,
                    FILE,
                    ".draft",
                    PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")));
            try {
                Files.writeString(draft, Base64.getEncoder().encodeToString(fresh), StandardOpenOption.SYNC);
                // Two nodes may start at once: the first link wins, and both read it.
                Files.createLink(file, draft);
            } catch (FileAlreadyExistsException unused) {
                // Another node was first.
            } finally {
                Files.delete(draft);
            }
        }
        var permissions = Files.getPosixFilePermissions(file);
        if (!Set.copyOf(PosixFilePermissions.fromString("rw-------")).containsAll(permissions)) {
            throw new IOException(file + " may be read by others; make it private (chmod 600)");
        }
        byte[] key = Base64.getDecoder().decode(Files.readString(file).strip());
        if (key.length < BYTES) {
            throw new IOException(file + " is damaged; remove it to get a new one");
        }
        return key;
    }
}
