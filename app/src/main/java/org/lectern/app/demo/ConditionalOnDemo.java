package org.lectern.app.demo;

import java.lang.annotation.Documented;
import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.lectern.infra.roles.ConditionalOnRole;
import org.lectern.infra.roles.NodeRole;
import org.springframework.context.annotation.Conditional;

/** The component exists only where the demo platform does: embedded services, role web, not switched off. */
@Documented
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@Conditional(DemoCondition.class)
@ConditionalOnRole(NodeRole.WEB)
@interface ConditionalOnDemo {}
