// BullMQ, Bull and bee-queue: usage: node js_app.js bullmq|bull|bee-queue enqueue|work|report
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');
const { randomUUID } = require('crypto');

const load = createRequire(path.join(process.env.NODE_MODULES_PARENT, 'x.js'));
const connection = { host: '127.0.0.1', port: Number(process.env.REDIS_PORT) };
const hour = 3600 * 1000;

// The body of a job: says that it runs, then holds its slot until the process is killed.
const block = () => {
  fs.writeFileSync(path.join(process.env.MARKERS, randomUUID()), '');
  return new Promise((resolve) => setTimeout(resolve, 600 * 1000));
};

const bullmq = () => {
  const { Queue, Worker } = load('bullmq');
  const queue = () => new Queue('jobs', { connection });
  return {
    enqueue: async () => {
      const jobs = queue();
      for (const priority of [undefined, undefined, undefined, 5, 1]) await jobs.add('task', {}, { priority });
      await jobs.add('task', {}, { delay: hour });
    },
    work: async () => new Worker('jobs', block, { connection, concurrency: 2 }),
    report: async () => {
      const counts = await queue().getJobCounts();
      return {
        waiting: counts.waiting + counts.prioritized + counts.paused,
        in_flight: counts.active,
        delayed: counts.delayed,
      };
    },
  };
};

const bull = () => {
  const Queue = load('bull');
  const queue = () => new Queue('jobs', { redis: connection });
  return {
    enqueue: async () => {
      const jobs = queue();
      for (const priority of [undefined, undefined, undefined, 5, 1]) await jobs.add({}, { priority });
      await jobs.add({}, { delay: hour });
    },
    work: async () => queue().process(2, block),
    report: async () => {
      const counts = await queue().getJobCounts();
      return { waiting: counts.waiting, in_flight: counts.active, delayed: counts.delayed };
    },
  };
};

const beeQueue = () => {
  const Queue = load('bee-queue');
  const queue = () => new Queue('jobs', { redis: connection });
  return {
    enqueue: async () => {
      const jobs = queue();
      for (let i = 0; i < 5; ++i) await jobs.createJob({}).save();
      await new Queue('jobs', { redis: connection, activateDelayedJobs: true })
        .createJob({}).delayUntil(Date.now() + hour).save();
    },
    work: async () => queue().process(2, block),
    report: async () => {
      const health = await queue().checkHealth();
      return { waiting: health.waiting, in_flight: health.active, delayed: health.delayed };
    },
  };
};

(async () => {
  const [framework, action] = process.argv.slice(2);
  const result = await { bullmq, bull, 'bee-queue': beeQueue }[framework]()[action]();
  if (action === 'report') console.log(JSON.stringify(result));
  if (action !== 'work') process.exit(0);
})();
