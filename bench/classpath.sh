# Sourced by benchmarks that are Java programs among a module's tests: sets java and classpath.
# LECTERN_CLASSPATH and LECTERN_JAVA say both where they are known already.
java=${LECTERN_JAVA:-$(for j in "${JAVA_HOME:-}"/bin/java /usr/lib/jvm/*25*/bin/java "$(command -v java)"; do
  [ -x "$j" ] && "$j" -version 2>&1 | grep -q 'version "25' && { echo "$j"; break; }; done)}
[ -n "$java" ] || { echo "needs a JDK 25: set LECTERN_JAVA to its java" >&2; exit 1; }

# classpath_of MODULE: compiles the module and its tests, and prints their class path
classpath_of() {
  if [ -n "${LECTERN_CLASSPATH:-}" ]; then echo "$LECTERN_CLASSPATH"; return; fi
  local list
  list=$(mktemp)
  ./mvnw -B -ntp -q -pl "$1" -am -DskipTests test-compile dependency:build-classpath \
    -Dmdep.includeScope=test -Dmdep.outputFile="$list" >&2
  echo "$1/target/test-classes:$1/target/classes:$(cat "$list")"
  rm -f "$list"
}
