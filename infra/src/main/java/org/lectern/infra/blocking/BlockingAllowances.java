package org.lectern.infra.blocking;

import reactor.blockhound.BlockHound;
import reactor.blockhound.integration.BlockHoundIntegration;

/**
 * The one list of calls that may block on an event loop although BlockHound is watching. Found by BlockHound through
 * the service loader, wherever it is installed (all our tests); never loaded otherwise.
 *
 * <p>An allowance needs a reason: it happens once, or it is bounded by microseconds and cannot be moved. A blocking call
 * of our own is not allowed here but moved to its own threads.
 */
public final class BlockingAllowances implements BlockHoundIntegration {

    @Override
    public void applyTo(BlockHound.Builder builder) {
        // Once for each class, service or bundle: reads the class path lazily.
        builder.allowBlockingCallsInside("java.lang.ClassLoader", "loadClass")
                .allowBlockingCallsInside("java.util.ServiceLoader$LazyClassPathLookupIterator", "hasNext")
                .allowBlockingCallsInside("java.util.ServiceLoader$LazyClassPathLookupIterator", "next")
                .allowBlockingCallsInside("java.util.ResourceBundle", "getBundleImpl")
                .allowBlockingCallsInside("java.lang.invoke.MethodHandleNatives", "linkCallSite")
                .allowBlockingCallsInside("sun.net.www.protocol.jar.JarURLConnection", "connect");
        // Pages' scripts and styles come out of the artefact's own jar: short reads that the system has in memory.
        builder.allowBlockingCallsInside("java.util.zip.ZipFile$Source", "readFullyAt")
                .allowBlockingCallsInside("java.util.zip.ZipFile$Source", "readAt");
        // Once for each bean that is looked up lazily, under the lock of its maker.
        builder.allowBlockingCallsInside("org.springframework.util.function.SingletonSupplier", "get")
                .allowBlockingCallsInside(
                        "org.springframework.beans.factory.support.DefaultSingletonBeanRegistry", "getSingleton");
        // Once for each template: the engine and its cache are filled by the first page.
        builder.allowBlockingCallsInside("org.thymeleaf.TemplateEngine", "initialize")
                .allowBlockingCallsInside("org.thymeleaf.engine.TemplateManager", "parseAndProcess")
                .allowBlockingCallsInside("org.thymeleaf.engine.TemplateManager", "parseAndProcessThrottled")
                .allowBlockingCallsInside("org.thymeleaf.engine.TemplateManager", "parseStandalone");
        // Once for each class: introspection for JSON, where several first requests may meet at the cache's lock.
        builder.allowBlockingCallsInside("tools.jackson.databind.ObjectMapper", "findModules")
                .allowBlockingCallsInside(
                        "tools.jackson.databind.deser.DeserializerCache", "_createAndCacheValueDeserializer")
                .allowBlockingCallsInside(
                        "tools.jackson.databind.ser.SerializerCache", "addAndResolveNonTypedSerializer")
                .allowBlockingCallsInside("tools.jackson.databind.ser.SerializerCache", "addTypedSerializer")
                .allowBlockingCallsInside("tools.jackson.databind.ser.SerializerCache", "getReadOnlyLookupMap");
        // A line of log is written by the thread that has something to say; the console is a buffer of the system.
        builder.allowBlockingCallsInside("ch.qos.logback.classic.Logger", "callAppenders");
        // Ids keep their order by a lock that is held while one is made, which is shorter than any way around it.
        builder.allowBlockingCallsInside("org.lectern.infra.ids.TimeOrderedIds", "generateId");
        // Seeds from the system's generator, which does not block after boot.
        builder.allowBlockingCallsInside("java.security.SecureRandom", "nextBytes")
                .allowBlockingCallsInside("sun.security.provider.NativePRNG$RandomIO", "implNextBytes")
                .allowBlockingCallsInside("java.security.SecureRandom", "generateSeed");
        // Once, when the client of a bucket is closed: on Netty's global executor, which serves no request.
        builder.allowBlockingCallsInside("io.netty.channel.pool.SimpleChannelPool", "close");
        // Netty's allocator of buffers grows under a lock that several threads may meet at, for microseconds.
        builder.allowBlockingCallsInside("io.netty.buffer.AdaptivePoolingAllocator", "allocate");
        // Redisson's queues are linked lists under a lock; stopped in it, a connection would be lost to its pool for
        // good.
        builder.allowBlockingCallsInside("org.redisson.misc.WrappedLock", "execute");
        // Locks held for the hand-over of a task, never while it runs.
        builder.allowBlockingCallsInside("java.util.concurrent.ThreadPoolExecutor", "execute")
                .allowBlockingCallsInside("java.util.concurrent.ScheduledThreadPoolExecutor$DelayedWorkQueue", "offer")
                .allowBlockingCallsInside("java.util.concurrent.LinkedBlockingQueue", "offer");
    }
}
