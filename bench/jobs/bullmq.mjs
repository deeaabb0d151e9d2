// One round of BullMQ: adds jobs, COUNT in all, ADDERS at a time, to a worker of CONCURRENCY in the same process; prints
// jobs per second from the first add to the last completion. Usage: bullmq.mjs PORT COUNT ADDERS CONCURRENCY
import { Queue, Worker } from 'bullmq';
import { Redis } from 'ioredis';

const [port, count, adders, concurrency] = process.argv.slice(2).map(Number);
const connection = new Redis({ host: '127.0.0.1', port, maxRetriesPerRequest: null });
const name = `bench-${process.pid}`;
const queue = new Queue(name, { connection });
let completed = 0;
let all;
const done = new Promise(resolve => { all = resolve; });
const worker = new Worker(name, async () => null, { connection, concurrency, removeOnComplete: { count: 0 } });
worker.on('completed', () => { completed += 1; if (completed === count) all(); });
await Promise.all([queue.waitUntilReady(), worker.waitUntilReady()]);
const start = process.hrtime.bigint();
let next = 0;
async function add() {
  while (next < count) {
    next += 1;
    await queue.add('job', { course: next % 100 }, { attempts: 3, backoff: { type: 'exponential', delay: 60000 } });
  }
}
await Promise.all(Array.from({ length: adders }, add));
await done;
const seconds = Number(process.hrtime.bigint() - start) / 1e9;
console.log(`jobs_per_second=${(count / seconds).toFixed(0)}`);
await worker.close();
await queue.close();
process.exit(0);
