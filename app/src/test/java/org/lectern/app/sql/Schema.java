package org.lectern.app.sql;

import java.io.IOException;
import java.nio.file.Path;
import java.sql.Connection;
import java.sql.DriverManager;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.flywaydb.core.Flyway;
import org.jspecify.annotations.Nullable;
import org.lectern.db.embedded.PostgresCluster;
import tools.jackson.databind.JsonNode;
import tools.jackson.databind.json.JsonMapper;

/** The databases as the migrations make them, a directory and a shard, and what their planner says of statements. */
final class Schema implements AutoCloseable {

    /** A parameter that does not stand in quotes: :name as we write it, or JDBC's question mark. */
    private static final Pattern PARAMETER = Pattern.compile("'(?:[^']|'')*'|(?<![:\\w]):([a-zA-Z]\\w*)|\\?");

    private static final Pattern INSERT =
            Pattern.compile("insert\\s+into\\s+(\\w+)(?:\\s+as\\s+\\w+)?\\s*\\(([^)]*)\\)", Pattern.CASE_INSENSITIVE);

    /** How the problem of a page begins whose order no index gives. */
    static final String SORTS = "sorts all that there is for one page: ";

    /** Through which rows come one after the other, as far as somebody asks. */
    private static final Set<String> STREAMING =
            Set.of("Nested Loop", "LockRows", "Subquery Scan", "Append", "Merge Append", "Result", "Unique");

    private static final JsonMapper JSON = new JsonMapper();

    private final PostgresCluster cluster;
    private final Connection directory;
    private final Connection shard;

    /** The first column of each B-tree index of columns. */
    private final Map<String, String> leading = new HashMap<>();

    /** What the planner's answer is: a plan, or why there is none. */
    private record Answer(@Nullable JsonNode plan, String refusal) {}

    private Schema(PostgresCluster cluster, Connection directory, Connection shard) throws SQLException {
        this.cluster = cluster;
        this.directory = directory;
        this.shard = shard;
        for (Connection connection : List.of(directory, shard)) {
            for (String line : strings(connection, """
                    select c.relname || ' ' || pg_get_indexdef(i.indexrelid, 1, false) from pg_index i
                    join pg_class c on c.oid = i.indexrelid join pg_am a on a.oid = c.relam
                    where a.amname = 'btree' and i.indexprs is null
                    """)) {
                leading.put(line.substring(0, line.indexOf(' ')), line.substring(line.indexOf(' ') + 1));
            }
        }
    }

    /** Starts a server of its own and migrates both databases. */
    static Schema migrated(Path folder) throws IOException, SQLException {
        PostgresCluster cluster =
                PostgresCluster.start(PostgresCluster.Settings.in(folder).withReplicas(0));
        return new Schema(
                cluster,
                migrate(cluster, "lectern_directory", "directory"),
                migrate(cluster, "lectern_shard_0", "shard"));
    }

    private static Connection migrate(PostgresCluster cluster, String database, String kind) throws SQLException {
        String url = "jdbc:postgresql://127.0.0.1:" + cluster.primary().port() + "/" + database;
        Flyway.configure()
                .dataSource(url, cluster.username(), cluster.password())
                .locations("classpath:db/migration/" + kind)
                .outOfOrder(true)
                .load()
                .migrate();
        Connection connection =
                DriverManager.getConnection(url + "?preferQueryMode=simple", cluster.username(), cluster.password());
        connection.setAutoCommit(false);
        // A plan that reads a whole table then says that there is no other way. The tables are empty, so the planner
        // has
        // no reason of its own to look rows up one by one.
        execute(connection, "set enable_seqscan = off");
        execute(connection, "set enable_hashjoin = off");
        execute(connection, "set enable_mergejoin = off");
        connection.commit();
        return connection;
    }

    /** Changes one database for as long as the work takes. */
    void changed(boolean ofShard, String change, Runnable work) throws SQLException {
        Connection connection = ofShard ? shard : directory;
        execute(connection, change);
        try {
            work.run();
        } finally {
            connection.rollback();
        }
    }

    /**
     * What is wrong with a statement; empty when an index serves every table that grows.
     *
     * @param small tables and indexes that stay small
     */
    List<String> withoutIndex(String statement, Set<String> small) {
        Answer answer = explain(statement);
        if (answer.plan() == null) {
            return List.of(answer.refusal());
        }
        List<String> problems = new ArrayList<>();
        look(answer.plan(), false, small, problems);
        return problems;
    }

    /** Why a statement of another version does not run on this schema; empty when it does. */
    List<String> broken(String statement) {
        Answer answer = explain(statement);
        if (answer.plan() == null) {
            return List.of(answer.refusal());
        }
        List<String> problems = new ArrayList<>();
        Matcher insert = INSERT.matcher(statement);
        while (insert.find()) {
            Set<String> given = new LinkedHashSet<>(
                    List.of(insert.group(2).replaceAll("\\s", "").split(",")));
            for (String needed : needed(insert.group(1))) {
                if (!given.contains(needed)) {
                    problems.add("column " + insert.group(1) + "." + needed + " needs a value that it does not give");
                }
            }
        }
        return problems;
    }

    /** Foreign keys whose own side no index serves: a deletion of the other side reads the whole table. */
    List<String> foreignKeysWithoutIndex() throws SQLException {
        List<String> all = new ArrayList<>();
        for (Connection connection : List.of(directory, shard)) {
            all.addAll(strings(connection, """
                    select k.conrelid::regclass || ' (' || k.conname || ')' from pg_constraint k
                    where k.contype = 'f' and not exists (select from pg_index i where i.indrelid = k.conrelid
                        and i.indpred is null
                        and (i.indkey::int2[])[0:cardinality(k.conkey) - 1] @> k.conkey)
                    """));
        }
        return all;
    }

    @Override
    public void close() throws SQLException {
        try (cluster;
                directory;
                shard) {
            directory.rollback();
            shard.rollback();
        }
    }

    private List<String> needed(String table) {
        List<String> all = new ArrayList<>();
        for (Connection connection : List.of(directory, shard)) {
            try {
                all.addAll(strings(
                        connection,
                        "select column_name from information_schema.columns where table_name = '" + table
                                + "' and is_nullable = 'NO' and column_default is null and is_identity = 'NO'"
                                + " and is_generated = 'NEVER'"));
            } catch (SQLException failure) {
                throw new IllegalStateException(failure);
            }
        }
        return all;
    }

    /** A statement belongs to the database that has its tables. */
    private Answer explain(String statement) {
        Answer onShard = explain(shard, statement);
        if (onShard.plan() != null) {
            return onShard;
        }
        Answer onDirectory = explain(directory, statement);
        return onDirectory.plan() != null
                ? onDirectory
                : new Answer(null, "shard: " + onShard.refusal() + "; directory: " + onDirectory.refusal());
    }

    private static Answer explain(Connection connection, String statement) {
        try (Statement query = connection.createStatement()) {
            query.execute("savepoint before");
            try (ResultSet row = query.executeQuery("explain (generic_plan, format json) " + numbered(statement))) {
                row.next();
                return new Answer(JSON.readTree(row.getString(1)).get(0).get("Plan"), "");
            } catch (SQLException refused) {
                return new Answer(null, String.valueOf(refused.getMessage()));
            } finally {
                query.execute("rollback to savepoint before");
            }
        } catch (SQLException failure) {
            throw new IllegalStateException(failure);
        }
    }

    /** Every parameter by its number. */
    static String numbered(String statement) {
        Map<String, Integer> numbers = new HashMap<>();
        Matcher parameter = PARAMETER.matcher(statement);
        StringBuilder numbered = new StringBuilder();
        while (parameter.find()) {
            String name = parameter.group(1);
            String text = parameter.group();
            if (name != null || text.equals("?")) {
                text = "$"
                        + numbers.computeIfAbsent(
                                name == null ? "?" + numbers.size() : name, one -> numbers.size() + 1);
            }
            parameter.appendReplacement(numbered, Matcher.quoteReplacement(text));
        }
        return parameter.appendTail(numbered).toString();
    }

    /**
     * @param limited whether somebody above takes only the first rows
     */
    private void look(JsonNode node, boolean limited, Set<String> small, List<String> problems) {
        String type = node.get("Node Type").asString();
        JsonNode table = node.get("Relation Name");
        JsonNode index = node.get("Index Name");
        boolean grows = table == null
                || !(small.contains(table.asString()) || table.asString().startsWith("pg_"));
        if (type.equals("Seq Scan") && grows) {
            problems.add(
                    "reads the whole table " + Objects.requireNonNull(table).asString());
        }
        if (index != null
                && grows
                && !small.contains(index.asString())
                && !conditional(node)
                && (!limited || node.has("Filter"))) {
            problems.add("reads the whole index " + index.asString());
        }
        if (limited && type.equals("Sort")) {
            problems.add(SORTS + node.get("Sort Key"));
        }
        boolean below = type.equals("Limit") || (limited && STREAMING.contains(type));
        if (node.get("Plans") != null) {
            node.get("Plans").forEach(child -> look(child, below, small, problems));
        }
    }

    /** Whether the index is asked for something by its first column; a condition on a later one reads it all. */
    private boolean conditional(JsonNode node) {
        String first = leading.get(node.get("Index Name").asString());
        return node.has("Index Cond")
                && (first == null
                        || Pattern.compile("\\b" + Pattern.quote(first) + "\\b")
                                .matcher(node.get("Index Cond").asString())
                                .find());
    }

    private static List<String> strings(Connection connection, String query) throws SQLException {
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(query)) {
            List<String> all = new ArrayList<>();
            while (row.next()) {
                all.add(row.getString(1));
            }
            return all;
        }
    }

    private static void execute(Connection connection, String statement) throws SQLException {
        try (Statement change = connection.createStatement()) {
            change.execute(statement);
        }
    }
}
