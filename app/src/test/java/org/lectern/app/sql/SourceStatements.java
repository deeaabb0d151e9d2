package org.lectern.app.sql;

import com.sun.source.tree.AssignmentTree;
import com.sun.source.tree.BinaryTree;
import com.sun.source.tree.ClassTree;
import com.sun.source.tree.CompilationUnitTree;
import com.sun.source.tree.CompoundAssignmentTree;
import com.sun.source.tree.ConditionalExpressionTree;
import com.sun.source.tree.ExpressionTree;
import com.sun.source.tree.IdentifierTree;
import com.sun.source.tree.LambdaExpressionTree;
import com.sun.source.tree.LiteralTree;
import com.sun.source.tree.MemberReferenceTree;
import com.sun.source.tree.MemberSelectTree;
import com.sun.source.tree.MethodInvocationTree;
import com.sun.source.tree.MethodTree;
import com.sun.source.tree.ParenthesizedTree;
import com.sun.source.tree.PrimitiveTypeTree;
import com.sun.source.tree.ReturnTree;
import com.sun.source.tree.Tree;
import com.sun.source.tree.VariableTree;
import com.sun.source.util.JavacTask;
import com.sun.source.util.TreePath;
import com.sun.source.util.TreePathScanner;
import java.io.IOException;
import java.net.URI;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.HashSet;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Consumer;
import java.util.function.Predicate;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.lang.model.element.Modifier;
import javax.tools.JavaFileObject;
import javax.tools.SimpleJavaFileObject;
import javax.tools.ToolProvider;
import org.jspecify.annotations.Nullable;

/**
 * The SQL statements that Java sources hold. A statement is what is handed to a call that takes SQL ({@link #CALLS});
 * its text is worked out from the sources: literals, constants (of other classes too), concatenations, both sides of a
 * condition, locals, and arguments of methods that take a part of it. Numbers stand as 1.
 *
 * <p>Nothing is missed in silence: a call whose text cannot be worked out is <em>unseen</em>, and so is every literal that
 * begins like SQL and has not become part of a statement. Both are named by {@code File#method}.
 */
final class SourceStatements {

    /** Methods whose first or second argument is SQL: R2DBC's, JDBC's and the mover's own. */
    private static final Set<String> CALLS =
            Set.of("sql", "createStatement", "prepareStatement", "execute", "executeQuery", "executeUpdate");

    private static final Pattern BEGINS_LIKE_SQL = Pattern.compile(
            "\\s*((select|insert into|update|delete from|merge into|with( recursive)?\\s+\\w+\\s*(\\([^)]*\\))?\\s*as)\\s"
                    + "|copy\\s*\\().*",
            Pattern.DOTALL | Pattern.CASE_INSENSITIVE);

    /** Statements that read or change no rows by a condition: nothing to look up. */
    private static final Pattern NO_ROWS = Pattern.compile(
            "\\s*(begin|commit|rollback|set|show|create|drop|alter|lock|truncate|copy(?!\\s*\\()|analyze|vacuum)\\b.*",
            Pattern.DOTALL | Pattern.CASE_INSENSITIVE);

    private static final int MOST_TEXTS = 256;
    private static final int DEEPEST = 24;

    private final Map<String, Map<String, TreePath>> fields = new HashMap<>();
    private final Map<String, List<TreePath>> calls = new HashMap<>();
    private final Map<String, List<TreePath>> methods = new HashMap<>();
    private final Set<LiteralTree> used = new HashSet<>();
    private final Set<Statement> statements = new LinkedHashSet<>();
    private final Map<String, List<String>> unseen = new HashMap<>();

    /**
     * A statement.
     *
     * @param place the file and the method
     */
    record Statement(String place, String text) {}

    /** A text that the sources do not say. */
    private static final class UnseenException extends RuntimeException {
        private static final long serialVersionUID = 1L;

        UnseenException(String why) {
            super(why, null, false, false);
        }
    }

    /**
     * Reads sources.
     *
     * @param sources file name to text
     */
    SourceStatements(Map<String, String> sources) throws IOException {
        List<JavaFileObject> files = new ArrayList<>();
        sources.forEach((name, text) ->
                files.add(new SimpleJavaFileObject(URI.create("string:///" + name), JavaFileObject.Kind.SOURCE) {
                    @Override
                    public CharSequence getCharContent(boolean ignoreEncodingErrors) {
                        return text;
                    }
                }));
        JavacTask parser = (JavacTask)
                ToolProvider.getSystemJavaCompiler().getTask(null, null, null, List.of("-proc:none"), null, files);
        List<CompilationUnitTree> units = new ArrayList<>();
        parser.parse().forEach(units::add);
        units.forEach(unit -> new Index().scan(unit, null));
        CALLS.forEach(name -> calls.getOrDefault(name, List.of()).forEach(this::collect));
        units.forEach(unit -> new TreePathScanner<Void, Void>() {
            @Override
            public @Nullable Void visitLiteral(LiteralTree literal, Void nothing) {
                if (literal.getValue() instanceof String text
                        && BEGINS_LIKE_SQL.matcher(text).matches()
                        && !used.contains(literal)) {
                    unseen(getCurrentPath(), "no statement is made of: " + text.strip());
                }
                return null;
            }
        }.scan(unit, null));
    }

    /** The statements, in the order of their places and texts. */
    List<Statement> statements() {
        return statements.stream()
                .sorted(Comparator.comparing(Statement::place).thenComparing(Statement::text))
                .toList();
    }

    /** What could not be worked out: the place and, for each text there, why. */
    Map<String, List<String>> unseen() {
        return Map.copyOf(unseen);
    }

    private void unseen(TreePath path, String why) {
        unseen.computeIfAbsent(place(path), one -> new ArrayList<>()).add(why);
    }

    private void collect(TreePath path) {
        MethodInvocationTree call = (MethodInvocationTree) path.getLeaf();
        if (call.getArguments().isEmpty() || call.getArguments().size() > 2) {
            return;
        }
        // The mover's own execute(connection, sql); JDBC's and R2DBC's take the text first.
        ExpressionTree argument = call.getArguments().getLast();
        try {
            for (String text : texts(argument, path, Map.of(), 0)) {
                if (BEGINS_LIKE_SQL.matcher(text).matches()) {
                    statements.add(new Statement(place(path), text.strip()));
                } else if (!NO_ROWS.matcher(text).matches()) {
                    throw new UnseenException("begins like no statement: " + text);
                }
            }
        } catch (UnseenException problem) {
            if (!noText(argument, path) && !NO_ROWS.matcher(beginning(argument)).matches()) {
                unseen(path, String.valueOf(problem.getMessage()));
            }
        }
    }

    /** Whether what is handed over is no string at all: a method of the same name that takes something else. */
    private static boolean noText(ExpressionTree argument, TreePath path) {
        if (argument instanceof LambdaExpressionTree || argument instanceof MemberReferenceTree) {
            return true;
        }
        if (argument instanceof IdentifierTree name) {
            Tree type = declaredType(name.getName().toString(), path);
            return type != null
                    && !type.toString().equals("String")
                    && !type.toString().equals("var");
        }
        return false;
    }

    /** The literal that a concatenation begins with. */
    private static String beginning(ExpressionTree text) {
        return switch (text) {
            case LiteralTree literal -> String.valueOf(literal.getValue());
            case BinaryTree sum -> beginning(sum.getLeftOperand());
            default -> "";
        };
    }

    private Set<String> texts(ExpressionTree expression, TreePath path, Map<String, Set<String>> known, int depth) {
        if (depth > DEEPEST) {
            throw new UnseenException("too deep: " + expression);
        }
        return switch (expression) {
            case LiteralTree literal -> {
                used.add(literal);
                yield Set.of(String.valueOf(literal.getValue()));
            }
            case ParenthesizedTree inner -> texts(inner.getExpression(), path, known, depth);
            case ConditionalExpressionTree either -> {
                Set<String> both = new TreeSet<>(texts(either.getTrueExpression(), path, known, depth));
                both.addAll(texts(either.getFalseExpression(), path, known, depth));
                yield both;
            }
            // Of two texts there is no other sum than one after the other.
            case BinaryTree sum ->
                joined(
                        texts(sum.getLeftOperand(), path, known, depth),
                        texts(sum.getRightOperand(), path, known, depth));
            case IdentifierTree name -> named(name.getName().toString(), path, known, depth);
            case MemberSelectTree constant -> {
                TreePath field = fieldOf(
                        constant.getExpression().toString(),
                        constant.getIdentifier().toString());
                if (field == null) {
                    throw new UnseenException("not a constant of the product: " + constant);
                }
                yield initial(field, depth);
            }
            case MethodInvocationTree call -> called(call, path, known, depth);
            default -> throw new UnseenException("not a text of the source: " + expression);
        };
    }

    private static Set<String> joined(Set<String> left, Set<String> right) {
        if (left.size() * right.size() > MOST_TEXTS) {
            throw new UnseenException("more than " + MOST_TEXTS + " texts");
        }
        Set<String> all = new TreeSet<>();
        left.forEach(head -> right.forEach(tail -> all.add(head + tail)));
        return all;
    }

    /** A local, a parameter or a field, the innermost first. */
    private Set<String> named(String name, TreePath from, Map<String, Set<String>> known, int depth) {
        Set<String> given = known.get(name);
        if (given != null) {
            return given;
        }
        for (TreePath path = from; path != null; path = path.getParentPath()) {
            if (path.getLeaf() instanceof LambdaExpressionTree lambda
                    && lambda.getParameters().stream()
                            .anyMatch(parameter -> parameter.getName().contentEquals(name))) {
                throw new UnseenException("a lambda's parameter: " + name);
            }
            if (path.getLeaf() instanceof MethodTree method) {
                for (int number = 0; number < method.getParameters().size(); number++) {
                    VariableTree parameter = method.getParameters().get(number);
                    if (parameter.getName().contentEquals(name)) {
                        return isNumber(parameter.getType()) ? Set.of("1") : handed(path, method, number, depth);
                    }
                }
                Set<String> local = local(name, path, known, depth);
                if (!local.isEmpty()) {
                    return local;
                }
            }
            if (path.getLeaf() instanceof ClassTree type) {
                TreePath field = fields.getOrDefault(file(path) + "/" + type.getSimpleName(), Map.of())
                        .get(name);
                if (field != null) {
                    return initial(field, depth);
                }
            }
        }
        throw new UnseenException("nothing is known of " + name);
    }

    /** What a local is ever set to; empty when the method has none of this name. */
    private Set<String> local(String name, TreePath method, Map<String, Set<String>> known, int depth) {
        Set<String> all = new TreeSet<>();
        new TreePathScanner<Void, Void>() {
            @Override
            public @Nullable Void visitVariable(VariableTree variable, Void nothing) {
                if (variable.getName().contentEquals(name)
                        && !(getCurrentPath().getParentPath().getLeaf() instanceof LambdaExpressionTree)) {
                    if (isNumber(variable.getType())) {
                        all.add("1");
                    } else if (variable.getInitializer() != null) {
                        all.addAll(texts(variable.getInitializer(), getCurrentPath(), known, depth + 1));
                    }
                }
                return super.visitVariable(variable, null);
            }

            @Override
            public @Nullable Void visitAssignment(AssignmentTree assignment, Void nothing) {
                if (assignment.getVariable().toString().equals(name)) {
                    all.addAll(texts(assignment.getExpression(), getCurrentPath(), known, depth + 1));
                }
                return super.visitAssignment(assignment, null);
            }

            @Override
            public @Nullable Void visitCompoundAssignment(CompoundAssignmentTree assignment, Void nothing) {
                if (assignment.getVariable().toString().equals(name)) {
                    throw new UnseenException("grows by +=: " + name);
                }
                return super.visitCompoundAssignment(assignment, null);
            }
        }.scan(method, null);
        return all;
    }

    /** What all callers hand to a parameter. */
    private Set<String> handed(TreePath path, MethodTree method, int number, int depth) {
        Predicate<TreePath> within = reach(method, path);
        boolean open = !method.getParameters().isEmpty()
                && method.getParameters().getLast().toString().contains("...");
        Set<String> all = new TreeSet<>();
        for (TreePath call : calls.getOrDefault(method.getName().toString(), List.of())) {
            List<? extends ExpressionTree> arguments = ((MethodInvocationTree) call.getLeaf()).getArguments();
            int least = method.getParameters().size() - (open ? 1 : 0);
            if (arguments.size() > number
                    && (open ? arguments.size() >= least : arguments.size() == least)
                    && within.test(call)) {
                all.addAll(texts(arguments.get(number), call, Map.of(), depth + 1));
            }
        }
        if (all.isEmpty()) {
            throw new UnseenException("nobody is seen to call " + method.getName());
        }
        return all;
    }

    /** Where a method can be called from. */
    private static Predicate<TreePath> reach(MethodTree method, TreePath path) {
        Set<Modifier> flags = method.getModifiers().getFlags();
        String file = file(path);
        String folder = file.substring(0, file.lastIndexOf('/') + 1);
        if (flags.contains(Modifier.PRIVATE)) {
            return call -> file(call).equals(file);
        }
        return flags.contains(Modifier.PUBLIC) || flags.contains(Modifier.PROTECTED)
                ? call -> true
                : call -> file(call).startsWith(folder) && file(call).indexOf('/', folder.length()) < 0;
    }

    private Set<String> initial(TreePath field, int depth) {
        VariableTree variable = (VariableTree) field.getLeaf();
        if (isNumber(variable.getType())) {
            return Set.of("1");
        }
        if (variable.getInitializer() == null) {
            throw new UnseenException("a field that is set elsewhere: " + variable.getName());
        }
        return texts(variable.getInitializer(), field, Map.of(), depth + 1);
    }

    /** A method of the same file that returns a text, or one of a string. */
    private Set<String> called(MethodInvocationTree call, TreePath path, Map<String, Set<String>> known, int depth) {
        if (call.getMethodSelect() instanceof MemberSelectTree of) {
            String method = of.getIdentifier().toString();
            if (method.equals("formatted")) {
                Set<String> all = texts(of.getExpression(), path, known, depth);
                // Each argument in turn, so that all that each may be is seen.
                List<List<String>> arguments = new ArrayList<>(List.of(List.of()));
                for (ExpressionTree argument : call.getArguments()) {
                    Set<String> values = texts(argument, path, known, depth + 1);
                    List<List<String>> longer = new ArrayList<>();
                    arguments.forEach(before -> values.forEach(value -> longer.add(
                            Stream.concat(before.stream(), Stream.of(value)).toList())));
                    arguments = longer;
                }
                Set<String> formatted = new TreeSet<>();
                for (List<String> given : arguments) {
                    all.forEach(text -> formatted.add(text.formatted(given.toArray())));
                }
                return formatted;
            }
            if (method.equals("replaceFirst")) {
                String pattern = only(texts(call.getArguments().get(0), path, known, depth));
                String replacement = only(texts(call.getArguments().get(1), path, known, depth));
                Set<String> replaced = new TreeSet<>();
                texts(of.getExpression(), path, known, depth)
                        .forEach(text -> replaced.add(text.replaceFirst(pattern, replacement)));
                return replaced;
            }
        }
        for (TreePath candidate : methods.getOrDefault(call.getMethodSelect().toString(), List.of())) {
            MethodTree method = (MethodTree) candidate.getLeaf();
            if (file(candidate).equals(file(path))
                    && method.getParameters().size() == call.getArguments().size()
                    && method.getBody() != null) {
                Map<String, Set<String>> given = given(call, method, path, known, depth);
                Set<String> all = new TreeSet<>();
                new TreePathScanner<Void, Void>() {
                    @Override
                    public @Nullable Void visitReturn(ReturnTree answer, Void nothing) {
                        all.addAll(texts(
                                Objects.requireNonNull(answer.getExpression()), getCurrentPath(), given, depth + 1));
                        return null;
                    }

                    @Override
                    public @Nullable Void visitLambdaExpression(LambdaExpressionTree lambda, Void nothing) {
                        return null;
                    }
                }.scan(candidate, null);
                return all;
            }
        }
        throw new UnseenException("not worked out: " + call);
    }

    /** What is handed to each parameter, as far as it can be worked out: perhaps the text does not depend on the rest. */
    private Map<String, Set<String>> given(
            MethodInvocationTree call, MethodTree method, TreePath path, Map<String, Set<String>> known, int depth) {
        Map<String, Set<String>> given = new HashMap<>();
        for (int number = 0; number < call.getArguments().size(); number++) {
            String parameter = method.getParameters().get(number).getName().toString();
            try {
                given.put(parameter, texts(call.getArguments().get(number), path, known, depth + 1));
            } catch (UnseenException unknown) {
                given.remove(parameter);
            }
        }
        return given;
    }

    private static String only(Set<String> texts) {
        if (texts.size() != 1) {
            throw new UnseenException("one of several: " + texts);
        }
        return texts.iterator().next();
    }

    private @Nullable TreePath fieldOf(String type, String name) {
        String simple = type.substring(type.lastIndexOf('.') + 1);
        List<TreePath> found = fields.entrySet().stream()
                .filter(entry -> entry.getKey().endsWith("/" + simple))
                .map(entry -> entry.getValue().get(name))
                .filter(Objects::nonNull)
                .toList();
        return found.size() == 1 ? found.getFirst() : null;
    }

    private static @Nullable Tree declaredType(String name, TreePath from) {
        Tree[] type = new Tree[1];
        Consumer<VariableTree> seen = variable -> {
            if (type[0] == null && variable.getName().contentEquals(name)) {
                type[0] = variable.getType();
            }
        };
        for (TreePath path = from; path != null; path = path.getParentPath()) {
            if (path.getLeaf() instanceof MethodTree) {
                new TreePathScanner<Void, Void>() {
                    @Override
                    public @Nullable Void visitVariable(VariableTree variable, Void nothing) {
                        seen.accept(variable);
                        return super.visitVariable(variable, null);
                    }
                }.scan(path, null);
            }
            if (path.getLeaf() instanceof ClassTree holder) {
                holder.getMembers().forEach(member -> {
                    if (member instanceof VariableTree variable) {
                        seen.accept(variable);
                    }
                });
            }
        }
        return type[0];
    }

    private static boolean isNumber(@Nullable Tree type) {
        return type instanceof PrimitiveTypeTree primitive
                && !primitive.toString().equals("boolean")
                && !primitive.toString().equals("char");
    }

    private static String file(TreePath path) {
        return path.getCompilationUnit().getSourceFile().getName();
    }

    private static String place(TreePath from) {
        String file = file(from);
        String name = file.substring(file.lastIndexOf('/') + 1).replace(".java", "");
        for (TreePath path = from; path != null; path = path.getParentPath()) {
            if (path.getLeaf() instanceof MethodTree method) {
                return name + "#" + method.getName();
            }
            if (path.getLeaf() instanceof VariableTree variable
                    && Objects.requireNonNull(path.getParentPath()).getLeaf() instanceof ClassTree) {
                return name + "#" + variable.getName();
            }
        }
        return name.toLowerCase(Locale.ROOT);
    }

    /** Where the fields, methods and calls are. */
    private final class Index extends TreePathScanner<Void, Void> {

        @Override
        public @Nullable Void visitVariable(VariableTree variable, Void nothing) {
            if (Objects.requireNonNull(getCurrentPath().getParentPath()).getLeaf() instanceof ClassTree type) {
                fields.computeIfAbsent(file(getCurrentPath()) + "/" + type.getSimpleName(), one -> new HashMap<>())
                        .put(variable.getName().toString(), getCurrentPath());
            }
            return super.visitVariable(variable, null);
        }

        @Override
        public @Nullable Void visitMethod(MethodTree method, Void nothing) {
            methods.computeIfAbsent(method.getName().toString(), one -> new ArrayList<>())
                    .add(getCurrentPath());
            return super.visitMethod(method, null);
        }

        @Override
        public @Nullable Void visitMethodInvocation(MethodInvocationTree call, Void nothing) {
            String select = call.getMethodSelect().toString();
            calls.computeIfAbsent(
                            call.getMethodSelect() instanceof MemberSelectTree of
                                    ? of.getIdentifier().toString()
                                    : select,
                            one -> new ArrayList<>())
                    .add(getCurrentPath());
            return super.visitMethodInvocation(call, null);
        }
    }
}
