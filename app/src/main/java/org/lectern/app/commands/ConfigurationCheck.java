package org.lectern.app.commands;

import jakarta.validation.Validation;
import jakarta.validation.ValidatorFactory;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.TreeSet;
import java.util.stream.StreamSupport;
import org.jspecify.annotations.Nullable;
import org.springframework.boot.context.config.ConfigDataEnvironmentPostProcessor;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.boot.context.properties.bind.BindException;
import org.springframework.boot.context.properties.bind.Bindable;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.boot.context.properties.bind.validation.BindValidationException;
import org.springframework.boot.context.properties.bind.validation.ValidationBindHandler;
import org.springframework.boot.context.properties.source.ConfigurationProperty;
import org.springframework.boot.context.properties.source.ConfigurationPropertyName;
import org.springframework.boot.context.properties.source.ConfigurationPropertySource;
import org.springframework.boot.context.properties.source.ConfigurationPropertySources;
import org.springframework.boot.context.properties.source.IterableConfigurationPropertySource;
import org.springframework.boot.env.RandomValuePropertySource;
import org.springframework.boot.origin.Origin;
import org.springframework.context.annotation.ClassPathScanningCandidateComponentProvider;
import org.springframework.core.env.ConfigurableEnvironment;
import org.springframework.core.env.MapPropertySource;
import org.springframework.core.env.SimpleCommandLinePropertySource;
import org.springframework.core.env.StandardEnvironment;
import org.springframework.core.env.SystemEnvironmentPropertySource;
import org.springframework.core.type.filter.AnnotationTypeFilter;
import org.springframework.util.ClassUtils;
import org.springframework.validation.FieldError;
import org.springframework.validation.ObjectError;
import org.springframework.validation.beanvalidation.SpringValidatorAdapter;

/**
 * Binds and validates every {@code lectern.*} record against the configuration that a node would see, and looks for
 * names that nothing reads. Creates no bean and starts nothing.
 */
final class ConfigurationCheck {

    private static final String ROOT = "org.lectern";
    private static final ConfigurationPropertyName PREFIX = ConfigurationPropertyName.of("lectern");

    /** What the embedded services will publish, unless they are switched off. */
    private static final Map<String, Object> EMBEDDED = Map.of(
            "lectern.db.servers[0].name", "main",
            "lectern.db.servers[0].primary", "127.0.0.1:5432",
            "lectern.db.username", "lectern",
            "lectern.db.password", "lectern",
            "lectern.redis.address", "redis://127.0.0.1:6379");

    private ConfigurationCheck() {}

    /** What is wrong, one line each, in order of the names. */
    static List<String> problems(String[] arguments) {
        ConfigurableEnvironment environment = environment(arguments);
        Set<String> problems = new TreeSet<>(Comparator.naturalOrder());
        try (ValidatorFactory validation = Validation.buildDefaultValidatorFactory()) {
            var validator = new SpringValidatorAdapter(validation.getValidator());
            for (Class<?> record : records()) {
                String prefix =
                        record.getAnnotation(ConfigurationProperties.class).value();
                try {
                    Binder.get(environment)
                            .bindOrCreate(prefix, Bindable.of(record), new ValidationBindHandler(validator));
                } catch (BindException failed) {
                    problems.addAll(explain(failed));
                }
            }
        }
        problems.addAll(unknown(environment));
        return List.copyOf(problems);
    }

    /** The settings of a record as a node would see them. */
    static <T> T bound(String prefix, Class<T> record, String[] arguments) {
        return Binder.get(environment(arguments)).bindOrCreate(prefix, record);
    }

    /** Every settings record of Lectern on the class path. */
    static List<Class<?>> records() {
        var scan = new ClassPathScanningCandidateComponentProvider(false);
        scan.addIncludeFilter(new AnnotationTypeFilter(ConfigurationProperties.class));
        return scan.findCandidateComponents(ROOT).stream()
                .map(found -> String.valueOf(found.getBeanClassName()))
                .sorted()
                .<Class<?>>map(name -> ClassUtils.resolveClassName(name, ConfigurationCheck.class.getClassLoader()))
                .toList();
    }

    private static ConfigurableEnvironment environment(String[] arguments) {
        var environment = new StandardEnvironment();
        environment.getPropertySources().addFirst(new SimpleCommandLinePropertySource(arguments));
        RandomValuePropertySource.addToEnvironment(environment);
        ConfigDataEnvironmentPostProcessor.applyTo(environment);
        if (environment.getProperty("lectern.embedded.enabled", Boolean.class, true)) {
            environment.getPropertySources().addLast(new MapPropertySource("embedded", EMBEDDED));
        }
        ConfigurationPropertySources.attach(environment);
        return environment;
    }

    private static List<String> explain(BindException failed) {
        Throwable cause = failed.getCause();
        if (cause instanceof BindValidationException invalid) {
            var errors = invalid.getValidationErrors();
            return errors.getAllErrors().stream()
                    .map(error -> explain(errors.getName(), error))
                    .toList();
        }
        ConfigurationProperty property = failed.getProperty();
        Throwable root = failed;
        while (root.getCause() != null) {
            root = root.getCause();
        }
        String what = property == null
                ? failed.getName() + ": " + root.getMessage()
                : property.getName() + ": " + shown(property.getName(), property.getValue()) + " cannot be read"
                        + from(property.getOrigin()) + ": " + root.getMessage();
        return List.of(what.lines().findFirst().orElse(what));
    }

    private static String explain(ConfigurationPropertyName prefix, ObjectError error) {
        if (error instanceof FieldError field) {
            return prefix + "." + kebab(field.getField()) + ": " + field.getDefaultMessage()
                    + (field.getRejectedValue() == null
                            ? ""
                            : " (is "
                                    + shown(
                                            ConfigurationPropertyName.adapt(field.getField(), '.'),
                                            field.getRejectedValue())
                                    + ")");
        }
        return prefix + ": " + error.getDefaultMessage();
    }

    private static List<String> unknown(ConfigurableEnvironment environment) {
        List<ConfigurationPropertyName> known = new ArrayList<>();
        for (Settings.Setting setting : Settings.all()) {
            known.add(ConfigurationPropertyName.of(setting.name()));
        }
        List<String> unknown = new ArrayList<>();
        for (ConfigurationPropertySource source : ConfigurationPropertySources.get(environment)) {
            // Names of environment variables cannot tell a dash from a dot.
            if (source instanceof IterableConfigurationPropertySource names
                    && !(source.getUnderlyingSource() instanceof SystemEnvironmentPropertySource)
                    && !EMBEDDED.equals(underlying(source))) {
                StreamSupport.stream(names.spliterator(), false)
                        .filter(name -> PREFIX.isAncestorOf(name))
                        .filter(name -> known.stream().noneMatch(one -> covers(one, name)))
                        .map(name -> name + ": nothing reads this" + from(origin(names, name)))
                        .forEach(unknown::add);
            }
        }
        return unknown;
    }

    private static @Nullable Object underlying(ConfigurationPropertySource source) {
        return source.getUnderlyingSource() instanceof MapPropertySource map ? map.getSource() : null;
    }

    /** Elements of lists and values of maps stand below the name that is documented. */
    private static boolean covers(ConfigurationPropertyName known, ConfigurationPropertyName name) {
        return known.equals(name) || known.isAncestorOf(name);
    }

    private static @Nullable Origin origin(IterableConfigurationPropertySource source, ConfigurationPropertyName name) {
        var property = source.getConfigurationProperty(name);
        return property == null ? null : property.getOrigin();
    }

    private static String from(@Nullable Origin origin) {
        return origin == null ? "" : " (" + origin + ")";
    }

    private static String shown(ConfigurationPropertyName name, Object value) {
        String last = name.toString().toLowerCase(Locale.ROOT);
        boolean secret =
                last.contains("password") || last.contains("secret") || last.contains("key") || last.contains("token");
        return secret ? "the value" : "\"" + value + "\"";
    }

    private static String kebab(String field) {
        return field.replaceAll("([a-z0-9])([A-Z])", "$1-$2").toLowerCase(Locale.ROOT);
    }
}
