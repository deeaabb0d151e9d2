package org.lectern.app.node;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;
import org.lectern.app.LecternApplication;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.context.SpringBootTest.WebEnvironment;

/** The test runs against a node with all roles, on private servers that all such tests of the JVM share. */
@Target(ElementType.TYPE)
@Retention(RetentionPolicy.RUNTIME)
@SpringBootTest(
        classes = LecternApplication.class,
        webEnvironment = WebEnvironment.RANDOM_PORT,
        properties = {"lectern.embedded.directory=target/lectern", "spring.test.observability.auto-configure=true"})
@interface WholeNode {}
