package org.lectern.app.description;

import io.swagger.v3.core.converter.AnnotatedType;
import io.swagger.v3.core.converter.ModelConverters;
import io.swagger.v3.oas.models.Components;
import io.swagger.v3.oas.models.OpenAPI;
import io.swagger.v3.oas.models.Operation;
import io.swagger.v3.oas.models.PathItem;
import io.swagger.v3.oas.models.info.Info;
import io.swagger.v3.oas.models.info.License;
import io.swagger.v3.oas.models.media.Content;
import io.swagger.v3.oas.models.media.MediaType;
import io.swagger.v3.oas.models.media.Schema;
import io.swagger.v3.oas.models.responses.ApiResponse;
import io.swagger.v3.oas.models.security.SecurityRequirement;
import io.swagger.v3.oas.models.security.SecurityScheme;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import org.lectern.app.problem.ProblemDocument;
import org.lectern.infra.session.Operator;
import org.springdoc.core.customizers.OpenApiCustomizer;
import org.springdoc.core.utils.SpringDocUtils;
import org.springframework.beans.factory.ObjectProvider;
import org.springframework.boot.info.BuildProperties;
import org.springframework.context.annotation.Bean;
import org.springframework.context.annotation.Configuration;

/** What the description says beside the routes themselves: who may call, how errors look, names in snake_case. */
@Configuration(proxyBeanMethods = false)
class ApiDescription {

    private static final String BEARER = "session";
    private static final String PROBLEM = "Problem";

    @Bean
    OpenAPI lecternApi(ObjectProvider<BuildProperties> build) {
        // Comes from the bearer token, not from a parameter.
        SpringDocUtils.getConfig().addRequestWrapperToIgnore(Operator.class);
        BuildProperties built = build.getIfAvailable();
        String version = built == null ? "development" : built.getVersion();
        return new OpenAPI()
                .info(new Info()
                        .title("Lectern")
                        .version(version)
                        .description(
                                "Course chat, video and learning analytics behind LTI 1.3. Field names are snake_case,"
                                        + " times RFC 3339 in UTC. Lists answer `{\"items\", \"next\"}`, newest first: send `next`"
                                        + " as `before` for the following page. Every error is an RFC 9457 problem document.")
                        .license(new License()
                                .name("Apache-2.0")
                                .url("https://www.apache.org/licenses/LICENSE-2.0.txt")))
                .components(new Components()
                        .addSecuritySchemes(
                                BEARER,
                                new SecurityScheme()
                                        .type(SecurityScheme.Type.HTTP)
                                        .scheme("bearer")
                                        .description(
                                                "The token that a launch handed over; it is good for one course.")));
    }

    @Bean
    OpenApiCustomizer problemsAndSecurity() {
        return api -> {
            var problem = ModelConverters.getInstance(true)
                    .resolveAsResolvedSchema(new AnnotatedType(ProblemDocument.class).resolveAsRef(false));
            problem.referencedSchemas.forEach(api.getComponents()::addSchemas);
            api.getComponents().addSchemas(PROBLEM, problem.schema);
            if (api.getPaths() == null) {
                return;
            }
            api.getPaths()
                    .forEach((path, item) ->
                            item.readOperationsMap().forEach((method, operation) -> complete(path, method, operation)));
        };
    }

    @Bean
    OpenApiCustomizer snakeCaseNames() {
        return api -> {
            if (api.getComponents().getSchemas() != null) {
                api.getComponents().getSchemas().values().forEach(ApiDescription::snakeCase);
            }
        };
    }

    private static void complete(String path, PathItem.HttpMethod method, Operation operation) {
        if (needsSession(path, method)) {
            operation.addSecurityItem(new SecurityRequirement().addList(BEARER));
        }
        var content = new Content()
                .addMediaType(
                        "application/problem+json",
                        new MediaType().schema(new Schema<>().$ref("#/components/schemas/" + PROBLEM)));
        operation
                .getResponses()
                .addApiResponse(
                        "default",
                        new ApiResponse()
                                .description("A problem; its `type` says which")
                                .content(content));
    }

    private static boolean needsSession(String path, PathItem.HttpMethod method) {
        return (path.startsWith("/api/") || path.startsWith("/xapi/"))
                && !(path.equals("/api/session") && method == PathItem.HttpMethod.POST);
    }

    @SuppressWarnings({"rawtypes", "unchecked"}) // swagger-models uses raw schemas throughout
    private static void snakeCase(Schema schema) {
        Map<String, Schema> properties = schema.getProperties();
        if (properties != null) {
            Map<String, Schema> renamed = new LinkedHashMap<>();
            properties.forEach((name, property) -> {
                snakeCase(property);
                renamed.put(snakeCase(name), property);
            });
            schema.setProperties(renamed);
        }
        List<String> required = schema.getRequired();
        if (required != null) {
            schema.setRequired(required.stream().map(ApiDescription::snakeCase).toList());
        }
        if (schema.getItems() != null) {
            snakeCase(schema.getItems());
        }
    }

    private static String snakeCase(String name) {
        return name.replaceAll("([a-z0-9])([A-Z])", "$1_$2").toLowerCase(Locale.ROOT);
    }
}
