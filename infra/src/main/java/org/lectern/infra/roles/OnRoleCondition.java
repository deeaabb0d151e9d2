package org.lectern.infra.roles;

import java.util.Arrays;
import org.springframework.boot.context.properties.bind.BindResult;
import org.springframework.boot.context.properties.bind.Binder;
import org.springframework.context.annotation.Condition;
import org.springframework.context.annotation.ConditionContext;
import org.springframework.core.type.AnnotatedTypeMetadata;

/** Reads {@code lectern.roles} before any bean exists. */
final class OnRoleCondition implements Condition {

    @Override
    public boolean matches(ConditionContext context, AnnotatedTypeMetadata metadata) {
        BindResult<NodeRole[]> configured =
                Binder.get(context.getEnvironment()).bind("lectern.roles", NodeRole[].class);
        NodeRole[] here = configured.orElseGet(NodeRole::values);
        var annotation = metadata.getAnnotations().get(ConditionalOnRole.class);
        return Arrays.stream(annotation.getEnumArray("value", NodeRole.class)).anyMatch(Arrays.asList(here)::contains);
    }
}
