// BullMQ on Node, by the protocol of run.py: node bullmq.mjs prepare | push | push_many | apush | ping | worker …
// Async jobs only. Its documentation recommends a high concurrency for jobs that wait more than they compute.

import { spawn } from "node:child_process";
import { openSync, writeSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { Queue, Worker } from "bullmq";
import Redis from "ioredis";

const BATCH = 500; // jobs of one addBulk
const AT_A_TIME = 200; // pushes under way at a time
const CONCURRENCY = 100;

const { values: given, positionals } = parseArgs({
  allowPositionals: true,
  options: Object.fromEntries(
    ["count", "size", "seconds", "pause", "random", "processes"].map((name) => [name, { type: "string", default: "0" }]),
  ),
});
const what = positionals[0];
const count = Number(given.count);
const text = "x".repeat(Number(given.size));
const connect = () => new Redis(process.env.BENCH_STORE, { maxRetriesPerRequest: null });
// What has run is forgotten at once: the fastest setting, and one that its documentation recommends.
const defaultJobOptions = { removeOnComplete: true };

const sleep = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));
const nanoseconds = () => BigInt(Math.round((performance.timeOrigin + performance.now()) * 1e6));
const tell = (answer) => console.log(JSON.stringify(answer, (_, value) => (typeof value === "bigint" ? Number(value) : value)));

let pushed = 1; // job 0 goes before
const limit = Number(given.seconds) * 1000 || Infinity;

async function timed(work) {
  const began = performance.now();
  await work(() => pushed < count && performance.now() - began < limit);
  tell({ pushed, rate: ((pushed - 1) / (performance.now() - began)) * 1000 });
}

async function push(queue, number) {
  await queue.add("work", { number, text });
}

const doings = {
  prepare: async () => {},
  push: async (queue) => {
    await push(queue, 0);
    await timed(async (goesOn) => {
      while (goesOn()) await push(queue, pushed++);
    });
  },
  push_many: async (queue) => {
    await push(queue, 0);
    await timed(async (goesOn) => {
      while (goesOn()) {
        const first = pushed;
        pushed = Math.min(first + BATCH, count);
        const numbers = Array.from({ length: pushed - first }, (_, index) => first + index);
        await queue.addBulk(numbers.map((number) => ({ name: "work", data: { number, text } })));
      }
    });
  },
  apush: async (queue) => {
    await push(queue, 0);
    await timed((goesOn) => {
      const pusher = async () => {
        while (goesOn()) await push(queue, pushed++);
      };
      return Promise.all(Array.from({ length: AT_A_TIME }, pusher));
    });
  },
  ping: async (queue) => {
    const moments = [];
    let due = performance.now();
    for (let number = 0; number < count; number++) {
      const mean = Number(given.pause) * 1000;
      due += Number(given.random) ? -mean * Math.log(1 - Math.random()) : mean;
      await sleep(Math.max(0, due - performance.now()));
      moments.push(nanoseconds());
      await push(queue, number);
    }
    tell({ pushed: moments });
  },
};

function work() {
  const meter = openSync(process.env.BENCH_METER, "r+");
  const pause = Number(process.env.BENCH_PAUSE || "0") * 1000;
  const moment = Buffer.alloc(8);
  const job = async ({ data }) => {
    if (pause) await sleep(pause);
    moment.writeBigUInt64LE(nanoseconds());
    writeSync(meter, moment, 0, 8, 8 * data.number);
  };
  return new Worker("bench", job, { connection: connect(), concurrency: CONCURRENCY });
}

if (what === "serve") {
  work();
} else if (what === "worker") {
  // A process each, as processes are counted for everybody.
  const here = fileURLToPath(import.meta.url);
  for (let each = 0; each < Number(given.processes); each++) spawn(process.execPath, [here, "serve"], { stdio: "inherit" });
  await new Promise(() => setInterval(() => {}, 1 << 30));
} else {
  const connection = connect();
  const queue = new Queue("bench", { connection, defaultJobOptions });
  await doings[what](queue);
  await queue.close();
  connection.disconnect();
}
