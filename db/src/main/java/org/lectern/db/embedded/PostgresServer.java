package org.lectern.db.embedded;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;

/** One private PostgreSQL server, primary or replica, on a data folder of its own. It asks for a password. */
public final class PostgresServer extends PrivateServer {

    private static final Duration START_TIMEOUT = Duration.ofMinutes(2);

    private final Path data;
    private final PostgresBinaries binaries;
    private final PostgresCluster.Settings settings;
    private final String password;

    PostgresServer(
            String name, Path data, PostgresBinaries binaries, PostgresCluster.Settings settings, String password) {
        super(name, portFile(data));
        this.data = data;
        this.binaries = binaries;
        this.settings = settings;
        this.password = password;
    }

    /** Opens a JDBC connection as the cluster's superuser; blocks for 5 s at most. The caller closes it. */
    public Connection connect(String database) throws SQLException {
        Properties properties = new Properties();
        properties.setProperty("user", settings.username());
        properties.setProperty("password", password);
        properties.setProperty("connectTimeout", "5");
        properties.setProperty("loginTimeout", "5");
        properties.setProperty("ApplicationName", "lectern-embedded");
        return DriverManager.getConnection("jdbc:postgresql://" + address() + "/" + database, properties);
    }

    @Override
    protected ChildProcess launch() throws IOException {
        removeStalePidFile();
        List<String> arguments = new ArrayList<>(List.of("-D", data.toString()));
        settings.parameters(port()).forEach((key, value) -> {
            arguments.add("-c");
            arguments.add(key + "=" + value);
        });
        return ChildProcess.start(new ChildProcess.Spec(
                "postgres-" + name(),
                binaries.command("postgres", arguments),
                binaries.environment(),
                "INT",
                settings.runDirectory(),
                settings.logDirectory()));
    }

    @Override
    protected boolean probe() throws SQLException {
        try (Connection connection = connect("postgres")) {
            return connection.isValid(5);
        } catch (SQLException e) {
            if ("28P01".equals(e.getSQLState())) {
                throw new EmbeddedServiceException(
                        "The private PostgreSQL (" + name() + ") refuses the password in "
                                + data.resolveSibling("password") + ".",
                        "Put the file back as it was, or move " + data.getParent() + " away to begin anew.",
                        e);
            }
            throw e;
        }
    }

    @Override
    protected Duration startTimeout() {
        return START_TIMEOUT;
    }

    @Override
    protected String label() {
        return "PostgreSQL (" + name() + ")";
    }

    Path data() {
        return data;
    }

    Path portFile() {
        return portFile(data);
    }

    private static Path portFile(Path data) {
        return data.resolveSibling(data.getFileName() + ".port");
    }

    /**
     * After a kill the pid in postmaster.pid may meanwhile belong to another program, and PostgreSQL would refuse to
     * start. The file goes if that process is no PostgreSQL on this data folder; else the server decides itself.
     */
    private void removeStalePidFile() throws IOException {
        Path file = data.resolve("postmaster.pid");
        if (!Files.exists(file)) {
            return;
        }
        String first = Files.readAllLines(file).stream().findFirst().orElse("").strip();
        boolean ours = first.matches("[0-9]{1,9}")
                && ProcessHandle.of(Long.parseLong(first))
                        .flatMap(process -> process.info().commandLine())
                        .filter(line -> line.contains("postgres") && line.contains(data.toString()))
                        .isPresent();
        if (!ours) {
            Files.delete(file);
        }
    }
}
