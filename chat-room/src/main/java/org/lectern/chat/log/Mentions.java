package org.lectern.chat.log;

import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Set;
import java.util.UUID;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.lectern.chat.protocol.MessageRules;

/**
 * Names behind an {@code @}. A mention is the full name of a member, in any case, ending where a word ends; of several
 * names that fit ("Ann", "Ann Lee") the longest is meant, and of several people with one name all. Pure.
 *
 * @param signs for each sign of a text the names, in lower case, that may stand there, from the shortest
 */
record Mentions(List<List<String>> signs) {

    /** Of a text without a sign. */
    static final Mentions NONE = new Mentions(List.of());

    private static final int WORDS = 6;
    private static final int NAME_LIMIT = 120;

    /** An address of electronic mail is no mention: nothing of a word may stand before the sign. */
    private static final Pattern SIGN = Pattern.compile("(?<![\\p{L}\\p{N}_@])@(?=\\p{L})");

    private static final Pattern WORD = Pattern.compile("[\\p{L}\\p{N}\\p{M}'’.\\-]*[\\p{L}\\p{N}\\p{M}]\\.?");

    /** Every name, in lower case, that the text may mention. */
    Set<String> candidates() {
        Set<String> all = new LinkedHashSet<>();
        signs.forEach(all::addAll);
        return all;
    }

    /** Those whose names stand there, at most {@link MessageRules#MENTION_LIMIT}, in the order of the text. */
    List<UUID> found(Map<String, ? extends Collection<UUID>> members) {
        Set<UUID> mentioned = new LinkedHashSet<>();
        for (List<String> names : signs) {
            names.reversed().stream()
                    .filter(members::containsKey)
                    .findFirst()
                    .ifPresent(name -> mentioned.addAll(members.get(name)));
        }
        return mentioned.stream().limit(MessageRules.MENTION_LIMIT).toList();
    }

    /** Reads a text. */
    static Mentions in(String text) {
        if (text.indexOf('@') < 0) {
            return NONE;
        }
        List<List<String>> all = new ArrayList<>();
        Matcher sign = SIGN.matcher(text);
        while (all.size() < MessageRules.MENTION_LIMIT && sign.find()) {
            String rest = text.substring(sign.end(), Math.min(text.length(), sign.end() + NAME_LIMIT));
            List<String> names = new ArrayList<>();
            Matcher word = WORD.matcher(rest);
            int end = 0;
            while (names.size() < 2 * WORDS
                    && word.find()
                    && rest.substring(end, word.start()).isBlank()) {
                end = word.end();
                String name = rest.substring(0, end).toLowerCase(Locale.ROOT).replaceAll("\\s+", " ");
                // "Thank you, @Sammy Davis Jr." may end with the name's own dot or with the sentence's.
                if (name.endsWith(".")) {
                    names.add(name.substring(0, name.length() - 1));
                }
                names.add(name);
            }
            all.add(names);
        }
        return new Mentions(all);
    }
}
