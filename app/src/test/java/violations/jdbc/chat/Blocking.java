package violations.jdbc.chat;

import java.sql.Connection;

public class Blocking {
    public String use(Connection connection) {
        return connection.toString();
    }
}
