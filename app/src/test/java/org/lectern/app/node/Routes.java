package org.lectern.app.node;

import java.util.ArrayDeque;
import java.util.ArrayList;
import java.util.Deque;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.function.Function;
import org.springframework.context.ApplicationContext;
import org.springframework.core.io.Resource;
import org.springframework.http.HttpMethod;
import org.springframework.web.reactive.function.server.HandlerFunction;
import org.springframework.web.reactive.function.server.RequestPredicate;
import org.springframework.web.reactive.function.server.RequestPredicates;
import org.springframework.web.reactive.function.server.RouterFunction;
import org.springframework.web.reactive.function.server.RouterFunctions;
import org.springframework.web.reactive.function.server.ServerRequest;
import org.springframework.web.reactive.handler.SimpleUrlHandlerMapping;
import org.springframework.web.reactive.result.method.RequestMappingInfo;
import org.springframework.web.reactive.result.method.RequestMappingInfoHandlerMapping;
import org.springframework.web.util.pattern.PathPattern;
import reactor.core.publisher.Mono;

/** Every route of a node, from its handler mappings: what a request can reach. */
final class Routes {

    private Routes() {}

    /** Routes as {@code "GET /api/x"}; {@code "* /x"} where any method is taken; sorted by path. */
    static Set<String> of(ApplicationContext node) {
        Set<String> routes = new TreeSet<>();
        node.getBeansOfType(RequestMappingInfoHandlerMapping.class)
                .values()
                .forEach(mapping -> mapping.getHandlerMethods().keySet().forEach(info -> routes.addAll(of(info))));
        node.getBeansOfType(RouterFunction.class).values().forEach(function -> routes.addAll(of(function)));
        node.getBeansOfType(SimpleUrlHandlerMapping.class)
                .values()
                .forEach(mapping -> mapping.getUrlMap().keySet().forEach(path -> routes.add("* " + path)));
        return routes;
    }

    private static List<String> of(RequestMappingInfo info) {
        List<String> routes = new ArrayList<>();
        for (PathPattern path : info.getPatternsCondition().getPatterns()) {
            var methods = info.getMethodsCondition().getMethods();
            String text = path.getPatternString().isEmpty() ? "/" : path.getPatternString();
            if (methods.isEmpty()) {
                routes.add("* " + text);
            }
            methods.forEach(method -> routes.add(method.name() + " " + text));
        }
        return routes;
    }

    private static Set<String> of(RouterFunction<?> function) {
        var visitor = new Visitor();
        function.accept(visitor);
        return visitor.routes;
    }

    /** Reads methods and paths out of predicates; other conditions do not make a route. */
    private static final class Visitor implements RouterFunctions.Visitor {

        private final Set<String> routes = new TreeSet<>();
        private final Deque<String> prefixes = new ArrayDeque<>();

        @Override
        public void startNested(RequestPredicate predicate) {
            prefixes.addLast(String.join("", read(predicate).paths));
        }

        @Override
        public void endNested(RequestPredicate predicate) {
            prefixes.removeLast();
        }

        @Override
        public void route(RequestPredicate predicate, HandlerFunction<?> handler) {
            Reader read = read(predicate);
            String prefix = String.join("", prefixes);
            List<String> paths = read.paths.isEmpty() ? List.of("") : read.paths;
            for (String path : paths) {
                if (read.methods.isEmpty()) {
                    routes.add("* " + prefix + path);
                }
                read.methods.forEach(method -> routes.add(method.name() + " " + prefix + path));
            }
        }

        @Override
        public void resources(Function<ServerRequest, Mono<Resource>> lookup) {}

        @Override
        public void attributes(Map<String, Object> attributes) {}

        @Override
        public void unknown(RouterFunction<?> function) {}

        private static Reader read(RequestPredicate predicate) {
            var reader = new Reader();
            predicate.accept(reader);
            return reader;
        }
    }

    private static final class Reader implements RequestPredicates.Visitor {

        private final Set<HttpMethod> methods = new TreeSet<>();
        private final List<String> paths = new ArrayList<>();

        @Override
        public void method(Set<HttpMethod> some) {
            methods.addAll(some);
        }

        @Override
        public void path(String pattern) {
            paths.add(pattern);
        }

        @Override
        @Deprecated
        @SuppressWarnings("removal") // still abstract in the interface
        public void pathExtension(String extension) {}

        @Override
        public void header(String name, String value) {}

        @Override
        public void queryParam(String name, String value) {}

        @Override
        public void version(String version) {}

        @Override
        public void startAnd() {}

        @Override
        public void and() {}

        @Override
        public void endAnd() {}

        @Override
        public void startOr() {}

        @Override
        public void or() {}

        @Override
        public void endOr() {}

        @Override
        public void startNegate() {}

        @Override
        public void endNegate() {}

        @Override
        public void unknown(RequestPredicate predicate) {}
    }
}
