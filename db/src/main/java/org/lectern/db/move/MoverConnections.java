package org.lectern.db.move;

import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.SQLException;
import java.sql.Statement;
import java.time.Duration;
import java.util.Properties;
import java.util.function.UnaryOperator;
import org.lectern.db.pool.HostPort;
import org.lectern.db.settings.DatabaseSettings;
import org.lectern.db.settings.DatabaseSettings.Placement;

/**
 * Connections of a mover to primaries: without time limits on statements, noticed soon by the server when their client is
 * gone, without autocommit, and with what they write not recorded as changes. Thread-safe.
 */
final class MoverConnections {

    private static final String SESSION = """
            set statement_timeout = 0;
            set idle_in_transaction_session_timeout = 0;
            set client_connection_check_interval = '1s';
            set tcp_keepalives_idle = 10;
            set tcp_keepalives_interval = 5;
            set tcp_keepalives_count = 3;
            set jit = off;
            set lectern.mover = 'on';
            set timezone = 'UTC';
            set datestyle = 'ISO';
            set extra_float_digits = 1;
            """;

    private final DatabaseSettings settings;
    private final UnaryOperator<String> primaryOf;

    /**
     * @param primaryOf the address of the primary that a server has now, by the server's name
     */
    MoverConnections(DatabaseSettings settings, UnaryOperator<String> primaryOf) {
        this.settings = settings;
        this.primaryOf = primaryOf;
    }

    Connection directory() throws SQLException {
        return open(settings.directory());
    }

    /**
     * @throws MoveRefusedException when the settings have no such shard
     */
    Connection shard(int number) throws SQLException {
        if (number < 0 || number >= settings.shards().size()) {
            throw new MoveRefusedException("there is no shard " + number);
        }
        return open(settings.shards().get(number));
    }

    /** For how long a read may go on that began before a switch. */
    Duration longestRead() {
        return settings.statementTimeout().multipliedBy(2);
    }

    private Connection open(Placement placement) throws SQLException {
        HostPort primary = HostPort.parse(primaryOf.apply(placement.server()));
        Properties properties = new Properties();
        properties.setProperty("user", settings.username());
        properties.setProperty("password", settings.password());
        properties.setProperty("ApplicationName", "lectern-mover");
        properties.setProperty("tcpKeepAlive", "true");
        properties.setProperty(
                "connectTimeout",
                Long.toString(Math.max(1, settings.pool().connectTimeout().toSeconds())));
        Connection connection =
                DriverManager.getConnection("jdbc:postgresql://" + primary + "/" + placement.database(), properties);
        try (Statement statement = connection.createStatement()) {
            statement.execute(SESSION);
            connection.setAutoCommit(false);
            return connection;
        } catch (SQLException failure) {
            connection.close();
            throw failure;
        }
    }
}
