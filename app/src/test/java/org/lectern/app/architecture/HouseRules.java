package org.lectern.app.architecture;

import static com.tngtech.archunit.base.DescribedPredicate.describe;
import static com.tngtech.archunit.base.DescribedPredicate.not;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.assignableTo;
import static com.tngtech.archunit.core.domain.JavaClass.Predicates.resideInAnyPackage;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.classes;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noFields;
import static com.tngtech.archunit.library.Architectures.layeredArchitecture;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.base.DescribedPredicate;
import com.tngtech.archunit.core.domain.AccessTarget.CodeUnitCallTarget;
import com.tngtech.archunit.core.domain.JavaAccess;
import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.lang.ArchCondition;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.lang.ConditionEvents;
import com.tngtech.archunit.lang.SimpleConditionEvent;
import java.time.Clock;
import java.time.Instant;
import java.time.LocalDate;
import java.time.LocalDateTime;
import java.time.OffsetDateTime;
import java.time.ZonedDateTime;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Random;
import java.util.Set;
import java.util.UUID;
import java.util.concurrent.ThreadLocalRandom;
import org.jspecify.annotations.NullMarked;
import org.lectern.infra.jobs.JobHandler;
import org.lectern.infra.roles.ConditionalOnRole;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.context.properties.ConfigurationProperties;
import org.springframework.stereotype.Controller;

/**
 * The rules, over any root package, so that the same rule can be shown to hold over the product and to fail over a
 * seeded violation.
 */
final class HouseRules {

    private static final Set<String> BLOCKING_OR_DETACHED =
            Set.of("block", "blockFirst", "blockLast", "blockOptional", "toIterable", "toStream", "subscribe");

    private final String root;
    private final Set<String> mayBlockOrDetach;
    private final Set<String> mayReadTheClock;

    /**
     * The rules for one root.
     *
     * @param root the package that holds db, infra, chat, video, analytics and app
     * @param mayBlockOrDetach classes that wait for a publisher or start one on their own, with a reason elsewhere
     * @param mayReadTheClock classes that make the clock, the ids and the random numbers that others get injected
     */
    HouseRules(String root, Set<String> mayBlockOrDetach, Set<String> mayReadTheClock) {
        this.root = root;
        this.mayBlockOrDetach = mayBlockOrDetach;
        this.mayReadTheClock = mayReadTheClock;
    }

    /** Every rule under its name, which is also the name of the package with its seeded violation. */
    Map<String, ArchRule> all() {
        Map<String, ArchRule> rules = new LinkedHashMap<>();
        rules.put("arrows", arrows());
        rules.put("cycles", slices().matching(root + ".(**)").should().beFreeOfCycles());
        rules.put("nullness", nullness());
        rules.put("names", names());
        rules.put("packagenames", packageNames());
        rules.put("fieldinjection", fieldInjection());
        rules.put("blocking", blocking());
        rules.put("statics", statics());
        rules.put("controllers", controllers());
        rules.put("controllerplaces", controllerPlaces());
        rules.put("settings", settings());
        rules.put("jackson", jackson());
        rules.put("jdbc", jdbc());
        rules.put("console", console());
        rules.replaceAll((name, rule) -> rule.allowEmptyShould(false));
        return rules;
    }

    private ArchRule arrows() {
        return layeredArchitecture()
                .consideringOnlyDependenciesInLayers()
                .withOptionalLayers(true)
                .layer("db")
                .definedBy(root + ".db..")
                .layer("infra")
                .definedBy(root + ".infra..")
                .layer("chat")
                .definedBy(root + ".chat..")
                .layer("video")
                .definedBy(root + ".video..")
                .layer("analytics")
                .definedBy(root + ".analytics..")
                .layer("app")
                .definedBy(root + ".app..")
                .whereLayer("app")
                .mayNotBeAccessedByAnyLayer()
                .whereLayer("chat")
                .mayOnlyBeAccessedByLayers("app")
                .whereLayer("video")
                .mayOnlyBeAccessedByLayers("app")
                .whereLayer("analytics")
                .mayOnlyBeAccessedByLayers("app")
                .whereLayer("infra")
                .mayOnlyBeAccessedByLayers("chat", "video", "analytics", "app")
                .because("arrows point only downwards, and no feature knows another");
    }

    private ArchRule nullness() {
        return classes()
                .that()
                .resideInAPackage(root + "..")
                .should(new ArchCondition<>("be in a package that is @NullMarked") {
                    @Override
                    public void check(JavaClass one, ConditionEvents events) {
                        boolean marked = one.getPackage().isAnnotatedWith(NullMarked.class);
                        events.add(new SimpleConditionEvent(
                                one, marked, one.getName() + " is in a package without @NullMarked package-info"));
                    }
                })
                .because("what may be null is said in the type");
    }

    private ArchRule names() {
        return noClasses()
                .should()
                .haveNameMatching(".*(Impl|Utils?|Helpers?|Manager|Misc)$")
                .orShould()
                .haveNameMatching(".*\\.[^.]*Common[^.]*$")
                .because("a class is named for what it is");
    }

    private ArchRule packageNames() {
        return noClasses()
                .should()
                .resideInAnyPackage("..util..", "..utils..", "..common..", "..helper..", "..impl..", "..misc..")
                .because("packages are cut by feature");
    }

    private ArchRule fieldInjection() {
        return noFields()
                .should()
                .beAnnotatedWith(Autowired.class)
                .orShould()
                .beAnnotatedWith("org.springframework.beans.factory.annotation.Value")
                .orShould()
                .beAnnotatedWith("jakarta.inject.Inject")
                .orShould()
                .beAnnotatedWith("jakarta.annotation.Resource")
                .because("what a class needs is in its constructor");
    }

    private ArchRule blocking() {
        DescribedPredicate<JavaAccess<?>> blockingCall =
                describe("wait for a publisher, start one, or sleep", access -> {
                    String owner = access.getTargetOwner().getName();
                    String name = access.getTarget().getName();
                    boolean publisher = access.getTargetOwner().isAssignableTo("org.reactivestreams.Publisher")
                            && BLOCKING_OR_DETACHED.contains(name);
                    return publisher || (owner.equals(Thread.class.getName()) && name.equals("sleep"));
                });
        return noClasses()
                .that(areNotListedIn(mayBlockOrDetach))
                // Its contract: it runs on a virtual thread of its lane and may block.
                .and(not(assignableTo(JobHandler.class)))
                .should()
                .accessTargetWhere(blockingCall)
                .because("request paths are reactive; the exceptions stand in architecture/may-block-or-detach.txt");
    }

    private ArchRule statics() {
        Set<String> clocks = Set.of(
                Instant.class.getName(),
                LocalDate.class.getName(),
                LocalDateTime.class.getName(),
                OffsetDateTime.class.getName(),
                ZonedDateTime.class.getName());
        DescribedPredicate<JavaAccess<?>> hiddenInput =
                describe("read the clock or make ids or random numbers by a static call", access -> {
                    String owner = access.getTargetOwner().getName();
                    String name = access.getTarget().getName();
                    boolean noArguments = access.getTarget() instanceof CodeUnitCallTarget call
                            && call.getRawParameterTypes().isEmpty();
                    return (clocks.contains(owner) && name.equals("now") && noArguments)
                            || (owner.equals(System.class.getName()) && name.equals("currentTimeMillis"))
                            || (owner.equals(Clock.class.getName()) && name.startsWith("system"))
                            || (owner.equals(UUID.class.getName()) && name.equals("randomUUID"))
                            || (owner.equals(Math.class.getName()) && name.equals("random"))
                            || (owner.equals(ThreadLocalRandom.class.getName()) && name.equals("current"))
                            || (owner.equals(Random.class.getName()) && name.equals("<init>"));
                });
        return noClasses()
                .that(areNotListedIn(mayReadTheClock))
                .should()
                .accessTargetWhere(hiddenInput)
                .because("time, ids and chance are injected, so that tests can hold them still; the exceptions stand in"
                        + " architecture/may-read-the-clock.txt");
    }

    private ArchRule controllers() {
        return classes()
                .that()
                .areMetaAnnotatedWith(Controller.class)
                .should()
                .beAnnotatedWith(ConditionalOnRole.class)
                .because("a role that is off has no routes");
    }

    private ArchRule controllerPlaces() {
        return classes()
                .that()
                .areMetaAnnotatedWith(Controller.class)
                .should()
                .resideInAnyPackage(root + ".app..", root + ".chat..", root + ".video..", root + ".analytics..")
                .because("infra and db have no routes");
    }

    private ArchRule settings() {
        return classes()
                .that()
                .areAnnotatedWith(ConfigurationProperties.class)
                .should()
                .beRecords()
                .because("settings do not change once they are bound");
    }

    private ArchRule jackson() {
        return noClasses()
                .should()
                .dependOnClassesThat()
                .resideInAPackage("com.fasterxml.jackson.databind..")
                .because("JSON is Jackson 3; Jackson 2 has settings of its own");
    }

    private ArchRule jdbc() {
        return noClasses()
                .that(resideInAnyPackage(root + ".db..").negate())
                .should()
                .dependOnClassesThat()
                .resideInAnyPackage("java.sql..", "javax.sql..")
                .because("blocking database access is for migrations, in db");
    }

    private ArchRule console() {
        return noClasses()
                .that(describe(
                        "are not the main class", one -> !one.getSimpleName().equals("LecternApplication")))
                .should()
                .accessTargetWhere(describe(
                        "is System.out or System.err",
                        access -> access.getTargetOwner().getName().equals(System.class.getName())
                                && Set.of("out", "err")
                                        .contains(access.getTarget().getName())))
                .because("what there is to say goes to the log, without secrets");
    }

    private static DescribedPredicate<JavaClass> areNotListedIn(Set<String> names) {
        return describe("are not listed as exceptions", one -> {
            String name = one.getName();
            int nested = name.indexOf('$');
            return !names.contains(nested < 0 ? name : name.substring(0, nested));
        });
    }
}
