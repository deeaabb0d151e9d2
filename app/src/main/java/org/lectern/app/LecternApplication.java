package org.lectern.app;

import java.io.PrintWriter;
import java.nio.charset.Charset;
import java.util.OptionalInt;
import org.lectern.app.commands.Commands;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.boot.context.properties.ConfigurationPropertiesScan;

/** Starts a node of Lectern with the roles of {@code lectern.roles}. */
@SpringBootApplication(scanBasePackages = "org.lectern")
@ConfigurationPropertiesScan("org.lectern")
public class LecternApplication {

    /** Starts the node. */
    public static void main(String[] arguments) {
        var out = new PrintWriter(System.out, false, Charset.defaultCharset());
        OptionalInt exitCode = Commands.run(arguments, out);
        if (exitCode.isPresent()) {
            System.exit(exitCode.getAsInt());
        }
        SpringApplication.run(LecternApplication.class, arguments);
    }
}
