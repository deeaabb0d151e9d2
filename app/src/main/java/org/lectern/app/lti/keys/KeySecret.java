package org.lectern.app.lti.keys;

import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.file.FileAlreadyExistsException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.nio.file.attribute.PosixFilePermissions;
import java.security.SecureRandom;
import java.util.Base64;
import java.util.EnumSet;
import org.lectern.infra.embedded.EmbeddedMode;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;
import org.springframework.core.env.Environment;

/**
 * The secret that seals the tool's keys: from the configuration, else from a file in the folder of the embedded
 * services, made at the first start with access for its owner only. Without embedded services there is no default.
 */
@Configuration(proxyBeanMethods = false)
@ConditionalOnRole({NodeRole.WEB, NodeRole.VIDEO})
class KeySecret {

    private final String value;

    KeySecret(KeyProperties properties, Environment environment, SecureRandom random) {
        String configured = properties.secret();
        Path file = properties.secretFile();
        if (configured != null && !configured.isBlank()) {
            this.value = configured;
        } else if (file != null) {
            this.value = read(file);
        } else if (EmbeddedMode.hasDatabase(environment)) {
            this.value = kept(
                    Path.of(environment.getProperty("lectern.embedded.directory", ".lectern"))
                            .resolve("keys.secret"),
                    random);
        } else {
            throw new IllegalStateException(
                    "lectern.keys.secret is missing: set LECTERN_KEYS_SECRET to the output of `openssl rand -base64 32`");
        }
    }

    @Bean
    KeySeal keySeal(SecureRandom random) {
        return new KeySeal(value, random);
    }

    private static String kept(Path file, SecureRandom random) {
        try {
            Files.createDirectories(file.toAbsolutePath().getParent());
            if (!Files.exists(file)) {
                make(file, random);
            }
        } catch (IOException e) {
            throw new UncheckedIOException("the secret of the tool's keys cannot be kept in " + file, e);
        }
        return read(file);
    }

    /** Writes a file of its own first, so that a second node that starts now reads all of it or makes none. */
    private static void make(Path file, SecureRandom random) throws IOException {
        byte[] secret = new byte[32];
        random.nextBytes(secret);
        Path draft = file.resolveSibling(
                file.getFileName() + "." + ProcessHandle.current().pid());
        try (var out = Files.newByteChannel(
                draft,
                EnumSet.of(StandardOpenOption.CREATE, StandardOpenOption.TRUNCATE_EXISTING, StandardOpenOption.WRITE),
                PosixFilePermissions.asFileAttribute(PosixFilePermissions.fromString("rw-------")))) {
            out.write(ByteBuffer.wrap(Base64.getEncoder().encode(secret)));
        }
        try {
            Files.createLink(file, draft);
        } catch (FileAlreadyExistsException e) {
            return; // the other node was faster; its secret is the secret
        } finally {
            Files.delete(draft);
        }
    }

    private static String read(Path file) {
        try {
            return Files.readString(file).strip();
        } catch (IOException e) {
            throw new UncheckedIOException("the secret of the tool's keys cannot be read from " + file, e);
        }
    }
}
