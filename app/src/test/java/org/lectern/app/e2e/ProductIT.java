package org.lectern.app.e2e;

import static com.microsoft.playwright.assertions.PlaywrightAssertions.assertThat;
import static org.assertj.core.api.Assertions.assertThat;

import com.deque.html.axecore.playwright.AxeBuilder;
import com.deque.html.axecore.results.AxeResults;
import com.deque.html.axecore.results.Rule;
import com.microsoft.playwright.FrameLocator;
import com.microsoft.playwright.Locator;
import com.microsoft.playwright.Page;
import com.microsoft.playwright.Response;
import com.microsoft.playwright.assertions.LocatorAssertions;
import com.microsoft.playwright.options.AriaRole;
import com.microsoft.playwright.options.ColorScheme;
import com.microsoft.playwright.options.WaitUntilState;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.Base64;
import java.util.List;
import java.util.regex.Pattern;
import org.junit.jupiter.api.AfterAll;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.MethodOrderer;
import org.junit.jupiter.api.Order;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.TestInstance;
import org.junit.jupiter.api.TestMethodOrder;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.lectern.app.LecternApplication;
import org.lectern.chat.live.LiveRooms;
import org.lectern.chat.protocol.CloseCode;
import org.lectern.db.ContextId;
import org.lectern.db.shard.Shards;
import org.lectern.infra.embedded.FfmpegBinaries;
import org.springframework.beans.factory.annotation.Autowired;
import org.springframework.boot.test.context.SpringBootTest;
import org.springframework.boot.test.web.server.LocalServerPort;

/**
 * What a newcomer does in the first two minutes, by hand and by eye: launches from the demo LMS, chats from two
 * browsers, uploads a video with the stock tus client (also in parts, three at a time) and watches it, and finds all of it on the dashboard. Then every
 * page is held to WCAG 2.2 AA, at desk and phone width, in light and dark. Screenshots are left in
 * {@code target/screenshots} for people to look at.
 */
@SpringBootTest(
        classes = LecternApplication.class,
        webEnvironment = SpringBootTest.WebEnvironment.RANDOM_PORT,
        properties = "lectern.embedded.directory=target/lectern")
@TestInstance(TestInstance.Lifecycle.PER_CLASS)
@TestMethodOrder(MethodOrderer.OrderAnnotation.class)
class ProductIT {

    private static final Path SCREENSHOTS = Path.of("target", "screenshots");
    private static final double PATIENCE_MS = 120_000;

    @LocalServerPort
    private int port;

    @Autowired
    private FfmpegBinaries ffmpeg;

    @Autowired
    private Shards shards;

    @Autowired
    private LiveRooms rooms;

    private Browsers browsers;
    private Page instructor;
    private Page student;

    @BeforeAll
    void open() throws IOException {
        Files.createDirectories(SCREENSHOTS);
        browsers = new Browsers();
        instructor = browsers.person(base());
        student = browsers.person(base());
    }

    @AfterAll
    void close() {
        browsers.close();
    }

    private String base() {
        return "http://localhost:" + port;
    }

    /** Launches as somebody of the demo LMS by pressing the button a person would press. */
    private Page launch(String course, String name, String tool) {
        return launch(browsers.person(base()), course, name, tool);
    }

    private Page launch(Page page, String course, String name, String tool) {
        page.navigate("/demo");
        Locator button = page.getByRole(AriaRole.REGION, new Page.GetByRoleOptions().setName(course))
                .getByRole(
                        AriaRole.BUTTON,
                        new Locator.GetByRoleOptions().setName(Pattern.compile("^" + tool + " as " + name)));
        Page opened = page.context().waitForPage(button.first()::click);
        String path = "Operations".equals(tool) ? "ops" : tool.toLowerCase(java.util.Locale.ROOT);
        opened.waitForURL(
                Pattern.compile(".*/" + path + "$"),
                new Page.WaitForURLOptions().setWaitUntil(WaitUntilState.COMMIT).setTimeout(PATIENCE_MS));
        return opened;
    }

    @Test
    @Order(1)
    void twoPeopleChat() {
        instructor = launch(instructor, COURSE, INSTRUCTOR, "Chat");
        student = launch(student, COURSE, STUDENT, "Chat");

        say(instructor, "Welcome to the course");
        assertThat(message(student, "Welcome to the course")).isVisible();
        say(student, "Hello, is there homework?");
        assertThat(message(instructor, "Hello, is there homework?")).isVisible();
        assertThat(instructor.locator(".message.pending")).hasCount(0);
        List<String> seenByInstructor = instructor.locator(".message .text").allTextContents();
        assertThat(student.locator(".message .text").allTextContents()).isEqualTo(seenByInstructor);
        assertThat(student.locator("#people")).containsText("Here with");
        // What is in sight is not announced as new, also in a room that is too short to scroll.
        say(instructor, "There is none");
        assertThat(message(student, "There is none")).isVisible();
        assertThat(student.locator("#newer")).isHidden();
        shoot(student, "chat");
    }

    @Test
    @Order(2)
    void aReloadKeepsTheSessionAndTheRoom() {
        student.reload();
        assertThat(message(student, "Welcome to the course")).isVisible();
    }

    @Test
    @Order(3)
    void aVideoIsUploadedTranscodedAndPlayed(@TempDir Path folder) throws Exception {
        Path clip = Films.make(ffmpeg, folder, "Tide pools.mp4", "1280x720", 8);
        instructor.navigate("/video");
        instructor.locator("input[type=file]").setInputFiles(clip);
        Locator card = instructor
                .getByRole(AriaRole.LINK)
                .filter(new Locator.FilterOptions().setHasText("Tide pools"))
                .first();
        assertThat(card).isVisible(patience());
        shoot(instructor, "video-uploaded");
        assertThat(instructor.locator("[data-state=ready]").first()).isVisible(patience());
        shoot(instructor, "video-ready");
        card.click();
        instructor.waitForURL(Pattern.compile(".*/video/[0-9a-f-]{36}$"));
        playsFor(instructor, 1.0);
        shoot(instructor, "player");
        uploadInParts(clip);

        student.navigate("/video");
        assertThat(student.locator("#videos")).isVisible();
        assertThat(student.locator("#upload")).isHidden();
        student.getByRole(AriaRole.LINK)
                .filter(new Locator.FilterOptions().setHasText("Tide pools"))
                .first()
                .click();
        playsFor(student, 1.0);
    }

    /** The stock client sends three parts at a time and has them joined; the same film again is found to be there. */
    private void uploadInParts(Path clip) throws IOException {
        instructor.navigate("/video");
        instructor.waitForFunction("() => window.tus && document.getElementById('videos').ariaBusy === 'false'");
        Object sent = instructor.evaluate("""
                async film => {
                  const { session } = await import('/js/session.js');
                  const bytes = Uint8Array.from(atob(film), letter => letter.charCodeAt(0));
                  await new Promise((done, fail) => new tus.Upload(new Blob([bytes]), {
                    endpoint: '/api/video/upload',
                    parallelUploads: 3,
                    headers: { Authorization: `Bearer ${session.token}` },
                    metadata: { filename: 'parts.mp4', title: 'In three parts' },
                    onSuccess: done,
                    onError: fail,
                  }).start());
                  return bytes.length;
                }""", Base64.getEncoder().encodeToString(Files.readAllBytes(clip)));
        assertThat(sent).isEqualTo(Math.toIntExact(Files.size(clip)));
        instructor.reload();
        assertThat(instructor
                        .locator("[data-state=ready]")
                        .filter(new Locator.FilterOptions().setHasText("In three parts")))
                .isVisible(patience());
    }

    @Test
    @Order(4)
    void theDashboardShowsWhatJustHappened() {
        instructor.navigate("/dashboard");
        Locator messages = instructor
                .locator("#tiles .tile")
                .filter(new Locator.FilterOptions().setHasText(Pattern.compile("messages", Pattern.CASE_INSENSITIVE)))
                .first();
        assertThat(messages).containsText("3", new LocatorAssertions.ContainsTextOptions().setTimeout(PATIENCE_MS));
        shoot(instructor, "dashboard");
    }

    @Test
    @Order(5)
    void theOperatorSeesSignals() {
        Page operator = launch(COURSE, ADMINISTRATOR, "Operations");
        assertThat(operator.getByRole(AriaRole.HEADING, new Page.GetByRoleOptions().setLevel(1)))
                .isVisible();
        assertThat(operator.locator("main")).not().containsText("undefined");
        shoot(operator, "ops");
    }

    @Test
    @Order(6)
    void theToolWorksInsideTheLmsFrame() {
        Page lms = browsers.person(base());
        lms.navigate("/demo");
        lms.getByRole(AriaRole.LINK, new Page.GetByRoleOptions().setName(Pattern.compile("Open inside")))
                .first()
                .click();
        FrameLocator tool = lms.frameLocator("#tool");
        assertThat(tool.locator("#text")).isVisible(patience());
        tool.locator("#text").fill("From inside the frame");
        tool.locator("#text").press("Enter");
        assertThat(tool.locator(".message .text")
                        .filter(new Locator.FilterOptions().setHasText("From inside the frame")))
                .isVisible();
        assertThat(tool.locator(".message.pending")).hasCount(0);
        shoot(lms, "in-the-lms");
    }

    @Test
    @Order(7)
    void aStudentNeedsOnlyTheKeyboardToChat() {
        Page page = launch(COURSE, STUDENT, "Chat");
        assertThat(page.locator("#send")).isEnabled();
        page.keyboard().press("Tab");
        assertThat(page.locator(".skip")).isFocused();
        page.keyboard().press("Enter");
        for (int presses = 0; presses < 12 && !isFocused(page, "#text"); presses++) {
            page.keyboard().press("Tab");
        }
        page.keyboard().type("Typed with keys alone");
        page.keyboard().press("Enter");
        assertThat(message(page, "Typed with keys alone")).isVisible();
        assertThat(page.locator(".message.pending")).hasCount(0);
    }

    @Test
    @Order(7)
    void peopleReactAnswerEditDeleteFindAndModerate() {
        Page teacher = launch(COURSE, INSTRUCTOR, "Chat");
        Page learner = launch(COURSE, STUDENT, "Chat");
        say(learner, "Are tardigrades animals?");
        say(teacher, "They are, @" + STUDENT + ", and tough ones");
        Locator question = item(teacher, "Are tardigrades animals?");
        Locator answer = item(learner, "and tough ones");
        assertThat(answer.locator(".mention")).hasText("@" + STUDENT);
        assertThat(teacher.locator(".message.pending")).hasCount(0);

        // A reaction, seen by both, taken back by its chip.
        menu(teacher, question).getByRole(AriaRole.MENUITEM, named("Thumbs up")).click();
        assertThat(item(learner, "Are tardigrades animals?").locator(".reaction"))
                .hasText("👍 1");
        item(learner, "Are tardigrades animals?").locator(".reaction").click();
        assertThat(question.locator(".reaction")).hasText("👍 2");

        // An edit by the keyboard alone: the arrow takes the last own message.
        learner.locator("#text").focus();
        learner.keyboard().press("ArrowUp");
        assertThat(learner.locator(".editing textarea")).isFocused();
        learner.keyboard().type(" Or plants?");
        learner.keyboard().press("Enter");
        assertThat(item(teacher, "Or plants?").locator(".edited")).isVisible();

        // A thread.
        menu(teacher, item(teacher, "Or plants?"))
                .getByRole(AriaRole.MENUITEM, named("Answer in a thread"))
                .click();
        teacher.locator("#answer").fill("Animals. Eight legs.");
        teacher.locator("#answer").press("Enter");
        assertThat(teacher.locator("#thread .message")).hasCount(2);
        shoot(teacher, "chat-thread");
        assertThat(item(learner, "Or plants?").locator(".replies")).hasText("1 answer");
        assertThat(item(learner, "Eight legs").locator(".quote")).containsText("Or plants?");

        // Pinned, found, jumped to.
        menu(teacher, item(teacher, "Eight legs"))
                .getByRole(AriaRole.MENUITEM, named("Pin"))
                .click();
        assertThat(learner.locator("#pin-count")).hasText("1");
        learner.keyboard().press("Control+k");
        learner.locator("#search").fill("eight legs");
        learner.locator("#search").press("Enter");
        assertThat(learner.locator("#hits mark").first()).hasText("Eight");
        shoot(learner, "chat-search");
        learner.locator("#hits .jump").first().click();
        assertThat(item(learner, "Eight legs")).isFocused();
        learner.locator("#panel-close").click();

        // Mentions reach the person through a notification job.
        learner.locator("#open-mentions").click();
        assertThat(learner.locator("#mentions .message").first()).containsText("tough ones", textPatience());
        learner.locator("#panel-close").click();

        // Muted: the student sees it at once and cannot write; taken back, can.
        menu(teacher, item(teacher, "Or plants?"))
                .getByRole(AriaRole.MENUITEM, named("Mute " + STUDENT + "…"))
                .click();
        teacher.locator("#ask button[value=yes]").click();
        assertThat(learner.locator("#text")).isDisabled();
        teacher.locator("#open-staff").click();
        assertThat(teacher.locator("#audit li").first()).containsText("mute");
        shoot(teacher, "chat-staff");
        teacher.locator("#sanctions button").click();
        assertThat(learner.locator("#text")).isEnabled();
        assertThat(learner.locator("#open-staff")).isHidden();

        // Deleted: the text is gone for everybody.
        menu(learner, item(learner, "Or plants?"))
                .getByRole(AriaRole.MENUITEM, named("Delete…"))
                .click();
        learner.locator("#ask button[value=yes]").click();
        assertThat(teacher.locator("#log .message.deleted")).hasCount(1);
        assertThat(message(teacher, "Or plants?")).hasCount(0);

        // Names are completed.
        learner.locator("#text").pressSequentially("@ami");
        assertThat(learner.locator("#complete [role=option]")).hasText(INSTRUCTOR);
        learner.keyboard().press("Enter");
        assertThat(learner.locator("#text")).hasValue("@" + INSTRUCTOR + " ");
        learner.locator("#text").fill("");
    }

    @Test
    @Order(7)
    void withoutSocketsTheRoomIsReadByEventsAndWrittenByPost() {
        Page page = browsers.person(base());
        page.context().addInitScript("""
                window.WebSocket = class extends EventTarget {
                  constructor() { super(); setTimeout(() => this.onclose?.({ code: 1006 }), 0); }
                  send() {}
                  close() {}
                };
                """);
        Page blocked = launch(page, COURSE, STUDENT, "Chat");
        assertThat(blocked.locator("#banner")).containsText("blocked", textPatience());
        shoot(blocked, "chat-without-sockets");
        Page teacher = launch(COURSE, INSTRUCTOR, "Chat");
        say(teacher, "Can you hear me?");
        assertThat(message(blocked, "Can you hear me?")).isVisible();
        say(blocked, "Loud and clear");
        assertThat(message(teacher, "Loud and clear")).isVisible();
        assertThat(blocked.locator(".message.pending")).hasCount(0);
        blocked.close();
    }

    @Test
    @Order(7)
    void whenTheServersSocketIsGoneABannerSaysSoUntilItIsBackAndNothingIsLost() {
        Page phone = launch(browsers.page(base(), Browsers.PHONE_WIDTH, ColorScheme.DARK), COURSE, STUDENT, "Chat");
        Page teacher = launch(COURSE, INSTRUCTOR, "Chat");
        say(teacher, "Is everybody here?");
        assertThat(message(phone, "Is everybody here?")).isVisible();
        Locator banner = phone.locator("#banner");
        assertThat(banner).isHidden();

        phone.context().setOffline(true);
        rooms.everybody().forEach(each -> each.close(CloseCode.IDLE));
        assertThat(banner).containsText("Not connected", textPatience());
        assertThat(phone.locator("#banner-now")).isVisible();
        say(phone, "Written on the way");
        assertThat(phone.locator(".message.pending")).hasCount(1);
        // Whoever still has a network is back already.
        say(teacher, "Said meanwhile");
        assertThat(teacher.locator(".message.pending")).hasCount(0, countPatience());
        assertThat(message(phone, "Said meanwhile")).hasCount(0);
        examine(phone, "chat-not-connected", Browsers.PHONE_WIDTH, ColorScheme.DARK);

        phone.context().setOffline(false);
        assertThat(banner).isHidden(new LocatorAssertions.IsHiddenOptions().setTimeout(PATIENCE_MS));
        assertThat(message(phone, "Said meanwhile")).hasCount(1, countPatience());
        assertThat(phone.locator(".message.pending")).hasCount(0, countPatience());
        assertThat(message(teacher, "Written on the way")).hasCount(1, countPatience());
        shoot(phone, "chat-connected-again");
        phone.close();
        teacher.close();
    }

    @ParameterizedTest
    @Order(8)
    @CsvSource({
        "1280, LIGHT",
        "1280, DARK",
        "390, LIGHT",
        "390, DARK",
    })
    void everyPageIsAccessibleAndFits(int width, ColorScheme scheme) {
        Page page = browsers.page(base(), width, scheme);
        for (String path : List.of("/", "/demo", "/chat", "/lti/launch")) {
            page.navigate(path);
            examine(page, "without-session " + path, width, scheme);
        }
        Page staff = launch(page, COURSE, INSTRUCTOR, "Chat");
        assertThat(staff.locator(".message").first()).isVisible();
        examine(staff, "chat", width, scheme);
        staff.locator("#open-staff").click();
        assertThat(staff.locator("#audit li").first()).isVisible();
        examine(staff, "chat-moderate", width, scheme);
        staff.locator("#panel-close").click();
        staff.locator("#log > .message:not(.deleted)").last().press("Enter");
        assertThat(staff.locator("#menu")).isVisible();
        examine(staff, "chat-menu", width, scheme);
        staff.keyboard().press("Escape");
        staff.navigate("/video");
        assertThat(staff.locator("[data-state=ready]").first()).isVisible(patience());
        examine(staff, "video", width, scheme);
        staff.getByRole(AriaRole.LINK)
                .filter(new Locator.FilterOptions().setHasText("Tide pools"))
                .first()
                .click();
        assertThat(staff.locator("video")).isVisible();
        examine(staff, "player", width, scheme);
        staff.navigate("/dashboard");
        assertThat(staff.locator("#tiles .tile").first()).isVisible(patience());
        examine(staff, "dashboard", width, scheme);
        Page operator = launch(browsers.page(base(), width, scheme), COURSE, ADMINISTRATOR, "Operations");
        operator.waitForLoadState(com.microsoft.playwright.options.LoadState.LOAD);
        examine(operator, "ops", width, scheme);
    }

    @Test
    @Order(9)
    void pagesRunNothingInlineAndBreakNoPolicy() {
        Page page = browsers.person(base());
        List<String> complaints = new java.util.concurrent.CopyOnWriteArrayList<>();
        page.onConsoleMessage(said -> {
            if ("error".equals(said.type())) {
                complaints.add(said.text());
            }
        });
        page.onPageError(complaints::add);
        for (String path : List.of("/", "/demo", "/chat", "/video", "/dashboard", "/ops")) {
            Response answer = page.navigate(path);
            assertThat(answer.status()).isEqualTo(200);
            assertThat(answer.headerValue("content-security-policy")).contains("script-src 'self'");
        }
        assertThat(complaints).isEmpty();
    }

    /** Ten thousand messages, read back to the first one: the document stays small, and what is looked at stays put. */
    @Test
    @Order(10)
    void tenThousandMessagesScrollLikeAHundred() throws IOException {
        Page page = launch("Linear Algebra", "Noor", "Chat");
        assertThat(page.locator("#send")).isEnabled();
        say(page, "The newest of all");
        assertThat(page.locator("#log .message")).hasCount(1);
        String context =
                (String) page.evaluate("() => JSON.parse(sessionStorage.getItem('lectern.session')).context_id");
        ContextId room = ContextId.parse(context);
        shards.write(
                        room,
                        transaction -> transaction
                                .sql()
                                .sql("update chat_entry set seq = seq + 10000 where context_id = :room")
                                .bind("room", room.value())
                                .fetch()
                                .rowsUpdated()
                                .then(transaction
                                        .sql()
                                        .sql("""
                                        with moved as (
                                            update chat_room set head = head + 10000, epoch = epoch + 1
                                            where context_id = :room)
                                        insert into chat_entry (context_id, seq, logical_shard, kind, client_id, user_id,
                                                                user_name, text, detail, at)
                                        select :room, n, :logicalShard, 'message', 'bulk-' || n, gen_random_uuid(),
                                               'Painter ' || n % 7, 'Brush stroke number ' || n || repeat(' paint', n % 40),
                                               -- An address that no browser can read must not keep the rest from sight.
                                               case n when 9999 then jsonb_build_object('links', jsonb_build_array(
                                                   jsonb_build_object('url', 'https://example.com:99999/'))) end,
                                               now() - (10001 - n) * interval '1 minute'
                                        from generate_series(1, 10000) as n
                                        """)
                                        .bind("room", room.value())
                                        .bind("logicalShard", (short) transaction.logicalShard())
                                        .fetch()
                                        .rowsUpdated()))
                .block(Duration.ofSeconds(60));
        page.reload();
        assertThat(message(page, "The newest of all")).isVisible(patience());
        assertThat(page.locator("#log .links a[href='https://example.com:99999/']"))
                .isVisible();
        Object measured = page.evaluate("""
                async () => {
                  const scroll = document.getElementById('scroll');
                  const frame = () => new Promise(requestAnimationFrame);
                  const long = [];
                  new PerformanceObserver(seen => seen.getEntries().forEach(each => long.push(each.duration)))
                    .observe({ type: 'longtask' });
                  let most = 0, frames = 0, jumps = 0;
                  const began = performance.now();
                  while (document.getElementById('beginning').hidden || scroll.scrollTop > 0) {
                    const top = [...document.querySelectorAll('#log > .message')]
                      .find(each => each.getBoundingClientRect().bottom > scroll.getBoundingClientRect().top + 300);
                    // Within the log: a banner above it moves the log, not the reader's place in it.
                    const place = () => top.getBoundingClientRect().top - scroll.getBoundingClientRect().top;
                    const before = top ? place() : 0;
                    const by = Math.min(2000, scroll.scrollTop);
                    scroll.scrollTop -= by;
                    const moved = () => top?.isConnected && Math.abs(place() - before - by) > 2;
                    await frame();
                    await frame();
                    // On a busy machine older lines may be put in a few frames before the place is set right.
                    for (let more = 0; more < 10 && moved(); more++) await frame();
                    if (moved()) jumps++;
                    most = Math.max(most, document.querySelectorAll('#log > li').length);
                    frames += 2;
                    if (performance.now() - began > 120000) break;
                  }
                  return { most, frames, jumps, longTasks: long.length, longest: Math.round(Math.max(0, ...long)),
                    milliseconds: Math.round(performance.now() - began),
                    first: document.querySelector('#log > .message').dataset.seq };
                }
                """);
        Files.writeString(SCREENSHOTS.resolve("chat-ten-thousand.txt"), measured.toString());
        var figures = (java.util.Map<?, ?>) measured;
        assertThat(figures.get("first")).hasToString("1");
        assertThat((Integer) figures.get("most")).isLessThan(400);
        assertThat((Integer) figures.get("jumps")).isZero();
        page.locator("#newer").click();
        assertThat(message(page, "The newest of all")).isVisible();
        shoot(page, "chat-ten-thousand");
    }

    private static Locator item(Page page, String text) {
        return page.locator("#log > .message")
                .filter(new Locator.FilterOptions()
                        .setHas(page.locator(".text", new Page.LocatorOptions().setHasText(text))))
                .last();
    }

    private static Locator menu(Page page, Locator item) {
        item.hover();
        item.locator(".actions").click();
        return page.locator("#menu");
    }

    private static Locator.GetByRoleOptions named(String name) {
        return new Locator.GetByRoleOptions().setName(name).setExact(true);
    }

    private static LocatorAssertions.ContainsTextOptions textPatience() {
        return new LocatorAssertions.ContainsTextOptions().setTimeout(PATIENCE_MS);
    }

    private static final String COURSE = "Marine Biology";
    private static final String INSTRUCTOR = "Amina Osei";
    private static final String STUDENT = "Mei Tanaka";
    private static final String ADMINISTRATOR = "Robin Clarke";

    private static LocatorAssertions.HasCountOptions countPatience() {
        return new LocatorAssertions.HasCountOptions().setTimeout(PATIENCE_MS);
    }

    private static LocatorAssertions.IsVisibleOptions patience() {
        return new LocatorAssertions.IsVisibleOptions().setTimeout(PATIENCE_MS);
    }

    private static boolean isFocused(Page page, String selector) {
        return (Boolean) page.evaluate("s => document.activeElement === document.querySelector(s)", selector);
    }

    private static void say(Page page, String text) {
        page.locator("#text").fill(text);
        page.locator("#text").press("Enter");
    }

    private static Locator message(Page page, String text) {
        return page.locator(".message .text").filter(new Locator.FilterOptions().setHasText(text));
    }

    /** The picture really moves: current time passes the given seconds, and decoded frames are counted. */
    private static void playsFor(Page page, double seconds) {
        Locator video = page.locator("video");
        assertThat(video).isVisible(patience());
        video.evaluate("v => { v.muted = true; return v.play(); }");
        page.waitForFunction(
                "s => { const v = document.querySelector('video');"
                        + " return v.currentTime > s && v.getVideoPlaybackQuality().totalVideoFrames > 0; }",
                seconds,
                new Page.WaitForFunctionOptions().setTimeout(PATIENCE_MS));
        video.evaluate("v => v.pause()");
    }

    /** WCAG 2.2 A and AA by axe, and nothing wider than the window. */
    private static void examine(Page page, String name, int width, ColorScheme scheme) {
        AxeResults results = new AxeBuilder(page)
                .withTags(List.of("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"))
                .analyze();
        assertThat(results.getViolations())
                .as("%s at %d, %s", name, width, scheme)
                .extracting(Rule::getId, rule -> rule.getNodes().toString())
                .isEmpty();
        int overflow = (Integer)
                page.evaluate("() => document.documentElement.scrollWidth - document.documentElement.clientWidth");
        assertThat(overflow).as("%s is wider than %d", name, width).isLessThanOrEqualTo(0);
        shoot(page, name.replaceAll("\\W+", "-") + "-" + width + "-" + scheme);
    }

    private static void shoot(Page page, String name) {
        page.screenshot(new Page.ScreenshotOptions().setPath(SCREENSHOTS.resolve(name + ".png")));
    }
}
