package org.lectern.db.move;

import java.sql.Array;
import java.sql.Connection;
import java.sql.ResultSet;
import java.sql.SQLException;
import java.sql.Statement;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.stream.Collectors;

/**
 * The tables of a shard whose rows belong to courses, read from PostgreSQL's own catalogue: what a migration adds is moved
 * without being told here. Every such table says by {@code logical_shard} to which logical shard a row belongs, and has a
 * primary key that is not counted up by the server.
 *
 * @param tables each table after those that it refers to
 */
record ShardTables(List<Table> tables) {

    /** What belongs to the physical shard itself and stays. */
    private static final Set<String> OF_THE_SHARD =
            Set.of("flyway_schema_history", "shard_identity", "shard_epoch", "shard_move_change");

    private static final String READ = """
            select c.relname as name,
                   array(select a.attname::text from pg_attribute a
                         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
                         order by a.attname) as columns,
                   array(select a.attname || ' ' || format_type(a.atttypid, a.atttypmod) from pg_attribute a
                         where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped order by a.attname) as shape,
                   array(select a.attname::text from pg_constraint k, unnest(k.conkey) with ordinality as p (attnum, place)
                         join pg_attribute a on a.attnum = p.attnum
                         where k.conrelid = c.oid and k.contype = 'p' and a.attrelid = c.oid order by p.place) as key,
                   array(select distinct f.confrelid::regclass::text from pg_constraint f
                         where f.conrelid = c.oid and f.contype = 'f' and f.confrelid <> c.oid) as parents,
                   exists (select from pg_constraint f where f.confrelid = c.oid and f.contype = 'f') as referred,
                   exists (select from pg_attribute a left join pg_attrdef d on d.adrelid = c.oid and d.adnum = a.attnum
                           where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped
                             and (a.attidentity <> '' or pg_get_expr(d.adbin, d.adrelid) like 'nextval(%')) as counted
            from pg_class c
            where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition
            order by c.relname""";

    ShardTables {
        tables = List.copyOf(tables);
    }

    /**
     * The tables of the connection's database.
     *
     * @throws MoveRefusedException when there is a table whose rows cannot be told apart by logical shard
     */
    static ShardTables of(Connection connection) throws SQLException {
        List<Table> found = new ArrayList<>();
        try (Statement statement = connection.createStatement();
                ResultSet row = statement.executeQuery(READ)) {
            while (row.next()) {
                String name = row.getString("name");
                if (OF_THE_SHARD.contains(name)) {
                    continue;
                }
                Table table = new Table(
                        name,
                        texts(row, "columns"),
                        texts(row, "shape"),
                        texts(row, "key"),
                        Set.copyOf(texts(row, "parents")),
                        row.getBoolean("referred"));
                if (!table.columns().contains("logical_shard") || table.key().isEmpty() || row.getBoolean("counted")) {
                    throw new MoveRefusedException("table " + name
                            + " cannot move: it needs a column logical_shard, a primary key, and no counted column");
                }
                found.add(table);
            }
        }
        return new ShardTables(parentsFirst(found));
    }

    /** Whether rows of one can be stored in the other as they are. */
    boolean sameShape(ShardTables other) {
        return shapes().equals(other.shapes());
    }

    private Set<String> shapes() {
        return tables.stream().map(table -> table.name() + table.shape()).collect(Collectors.toSet());
    }

    private static List<Table> parentsFirst(List<Table> tables) {
        List<Table> ordered = new ArrayList<>();
        Set<String> placed = new HashSet<>();
        List<Table> left = new ArrayList<>(tables);
        while (!left.isEmpty()) {
            List<Table> next = left.stream()
                    .filter(table -> placed.containsAll(table.parents()))
                    .toList();
            if (next.isEmpty()) {
                throw new MoveRefusedException("tables refer to each other in a circle: "
                        + left.stream().map(Table::name).collect(Collectors.joining(", ")));
            }
            ordered.addAll(next);
            next.forEach(table -> placed.add(table.name()));
            left.removeAll(next);
        }
        return ordered;
    }

    private static List<String> texts(ResultSet row, String column) throws SQLException {
        Array array = row.getArray(column);
        return Arrays.stream((Object[]) array.getArray()).map(String::valueOf).toList();
    }

    /**
     * A table.
     *
     * @param name without schema
     * @param columns that are stored as given, by name
     * @param shape every column with its type, by name
     * @param key columns of the primary key
     * @param parents tables that it refers to
     * @param referred whether another table refers to it
     */
    record Table(
            String name,
            List<String> columns,
            List<String> shape,
            List<String> key,
            Set<String> parents,
            boolean referred) {

        Table {
            columns = List.copyOf(columns);
            shape = List.copyOf(shape);
            key = List.copyOf(key);
            parents = Set.copyOf(parents);
        }

        String quoted() {
            return quote(name);
        }

        String stage() {
            return quote("stage_" + name);
        }

        String columnList() {
            return columns.stream().map(Table::quote).collect(Collectors.joining(", "));
        }

        String columnList(String alias) {
            return columns.stream().map(column -> alias + "." + quote(column)).collect(Collectors.joining(", "));
        }

        String keyList() {
            return key.stream().map(Table::quote).collect(Collectors.joining(", "));
        }

        String keysEqual(String one, String other) {
            return key.stream()
                    .map(column -> one + "." + quote(column) + " = " + other + "." + quote(column))
                    .collect(Collectors.joining(" and "));
        }

        String keyLiterals() {
            return key.stream()
                    .map(column -> "'" + column.replace("'", "''") + "'")
                    .collect(Collectors.joining(", "));
        }

        String assignments() {
            return columns.stream()
                    .map(column -> quote(column) + " = excluded." + quote(column))
                    .collect(Collectors.joining(", "));
        }

        private static String quote(String identifier) {
            return '"' + identifier.replace("\"", "\"\"") + '"';
        }
    }
}
