package org.lectern.app.demo;

import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** The courses and people of the demo LMS. Any other name of the right form is let in too, for scripts and load tests. */
final class DemoSchool {

    private static final Pattern KEY = Pattern.compile("[A-Za-z0-9][A-Za-z0-9._-]{0,63}");

    private static final Person AMINA = new Person("amina", "Amina", "Osei");
    private static final Person TOMAS = new Person("tomas", "Tomás", "Herrera");
    private static final Person INGRID = new Person("ingrid", "Ingrid", "Solberg");
    private static final Person JONAS = new Person("jonas", "Jonas", "Weber");
    private static final Person MEI = new Person("mei", "Mei", "Tanaka");
    private static final Person LUCAS = new Person("lucas", "Lucas", "Silva");
    private static final Person PRIYA = new Person("priya", "Priya", "Raman");
    private static final Person NOOR = new Person("noor", "Noor", "Haddad");
    private static final Person ROBIN = new Person("robin", "Robin", "Clarke");

    /** All courses, in the order of the page. */
    static final List<Course> COURSES = List.of(
            new Course(
                    "bio-201",
                    "BIO 201",
                    "Marine Biology",
                    "Tides, reefs and everything that lives between them.",
                    List.of(
                            new Seat(AMINA, DemoRole.INSTRUCTOR),
                            new Seat(JONAS, DemoRole.TA),
                            new Seat(MEI, DemoRole.STUDENT),
                            new Seat(LUCAS, DemoRole.STUDENT),
                            new Seat(ROBIN, DemoRole.ADMINISTRATOR))),
            new Course(
                    "math-110",
                    "MATH 110",
                    "Linear Algebra",
                    "Vectors, maps between them, and why they matter.",
                    List.of(
                            new Seat(TOMAS, DemoRole.INSTRUCTOR),
                            new Seat(PRIYA, DemoRole.TA),
                            new Seat(JONAS, DemoRole.STUDENT),
                            new Seat(NOOR, DemoRole.STUDENT),
                            new Seat(ROBIN, DemoRole.ADMINISTRATOR))),
            new Course(
                    "hist-305",
                    "HIST 305",
                    "Cities of the Silk Road",
                    "Trade, letters and ideas from Chang'an to Constantinople.",
                    List.of(
                            new Seat(INGRID, DemoRole.INSTRUCTOR),
                            new Seat(NOOR, DemoRole.TA),
                            new Seat(MEI, DemoRole.STUDENT),
                            new Seat(PRIYA, DemoRole.STUDENT),
                            new Seat(ROBIN, DemoRole.ADMINISTRATOR))));

    private static final Map<String, Course> BY_KEY =
            COURSES.stream().collect(Collectors.toMap(Course::key, course -> course));
    private static final Map<String, Person> PEOPLE = Stream.of(
                    AMINA, TOMAS, INGRID, JONAS, MEI, LUCAS, PRIYA, NOOR, ROBIN)
            .collect(Collectors.toMap(Person::key, person -> person));

    private DemoSchool() {}

    /** A course by its key: one of ours, or one made up on the spot. */
    static Optional<Course> course(String key) {
        Course known = BY_KEY.get(key);
        if (known != null) {
            return Optional.of(known);
        }
        return KEY.matcher(key).matches()
                ? Optional.of(new Course(key, key, "Course " + key, "", List.of()))
                : Optional.empty();
    }

    /** A person by key: one of ours, or one made up on the spot. */
    static Optional<Person> person(String key) {
        Person known = PEOPLE.get(key);
        if (known != null) {
            return Optional.of(known);
        }
        return KEY.matcher(key).matches() ? Optional.of(new Person(key, key, "(demo)")) : Optional.empty();
    }

    /**
     * A course.
     *
     * @param key its id
     * @param label its short name
     * @param title its name
     * @param about one sentence
     * @param seats who is in it
     */
    record Course(String key, String label, String title, String about, List<Seat> seats) {}

    /**
     * A person.
     *
     * @param key the id
     * @param givenName given name
     * @param familyName family name
     */
    record Person(String key, String givenName, String familyName) {

        /** The whole name. */
        public String name() {
            return givenName + " " + familyName;
        }
    }

    /**
     * A person in a course.
     *
     * @param person who
     * @param role in which role
     */
    record Seat(Person person, DemoRole role) {

        /** The pages that make sense for this person, in the order of the page. */
        public List<String> targets() {
            return switch (role) {
                case STUDENT -> List.of("chat", "video");
                case TA, INSTRUCTOR -> List.of("chat", "video", "dashboard");
                case ADMINISTRATOR -> List.of("chat", "video", "dashboard", "ops");
            };
        }
    }
}
