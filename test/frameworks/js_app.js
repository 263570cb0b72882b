// BullMQ, Bull, bee-queue, and Resque as node-resque writes it.
// usage: node js_app.js bullmq|bull|bee-queue|resque ACTION, which is one of the functions that it has
const fs = require('fs');
const path = require('path');
const { createRequire } = require('module');
const { randomUUID } = require('crypto');

const load = createRequire(path.join(process.env.NODE_MODULES_PARENT, 'x.js'));
const connection = { host: '127.0.0.1', port: Number(process.env.REDIS_PORT) };
const hour = 3600 * 1000;
const recovery = 5 * 1000;  // How soon a worker looks for jobs of those that were killed.
const brief = 50;
const briefJobs = 60;

// The body of a job: says that it runs, holds its slot, says that it has finished. Unless it is told how long, it holds its
// slot until the process is killed.
const block = async (milliseconds = 600 * 1000) => {
  const name = randomUUID();
  fs.writeFileSync(path.join(process.env.RUNNING, name), '');
  await new Promise((resolve) => setTimeout(resolve, milliseconds));
  fs.writeFileSync(path.join(process.env.FINISHED, name), '');
};

const fail = async () => {
  throw new Error('as it must');
};

// Resolves as soon as `condition` does to true.
const eventually = async (condition) => {
  while (!(await condition())) await new Promise((resolve) => setTimeout(resolve, 10));
};

const times = async (count, add) => {
  for (let i = 0; i < count; ++i) await add();
};

const bullmq = () => {
  const { FlowProducer, Queue, Worker } = load('bullmq');
  const queue = () => new Queue('jobs', { connection });
  return {
    enqueue: async () => {
      const jobs = queue();
      for (const priority of [undefined, undefined, undefined, 5, 1]) await jobs.add('task', {}, { priority });
      await jobs.add('task', {}, { delay: hour });
    },
    enqueue_brief: async () => {
      const jobs = queue();
      await times(briefJobs, () => jobs.add('task', { milliseconds: brief }));
    },
    enqueue_soon: async () => queue().add('task', {}, { delay: 1000 }),
    enqueue_every_state: async () => {
      const jobs = queue();
      await jobs.add('task', {});
      await jobs.add('fail', {});
      await jobs.add('fail', {}, { attempts: 2, backoff: hour });
      const worker = new Worker('jobs', (job) => job.name === 'fail' && fail(), { connection });
      await eventually(async () => {
        const counts = await jobs.getJobCounts();
        return counts.completed === 1 && counts.failed === 1 && counts.delayed === 1 && counts.active === 0;
      });
      await worker.close();
      // One more is delayed.
      await jobs.upsertJobScheduler('daily', { every: 24 * hour, startDate: Date.now() + hour });
      const task = { name: 'task', queueName: 'jobs' };
      const children = [task, { ...task, opts: { priority: 1 } }];
      await new FlowProducer({ connection }).add({ ...task, children });  // It is not to be run before these.
      await jobs.pause();
      await jobs.add('task', {});
    },
    work: async () => new Worker('jobs', (job) => block(job.data.milliseconds),
      { connection, concurrency: 2, lockDuration: recovery, stalledInterval: recovery }),
    report: async () => {
      const counts = await queue().getJobCounts();
      return {
        waiting: counts.waiting + counts.prioritized + (counts.paused || 0),
        in_flight: counts.active,
        delayed: counts.delayed,
      };
    },
  };
};

const bull = () => {
  const Queue = load('bull');
  const settings = { lockDuration: recovery, stalledInterval: recovery };
  const queue = () => new Queue('jobs', { redis: connection, settings });
  return {
    enqueue: async () => {
      const jobs = queue();
      for (const priority of [undefined, undefined, undefined, 5, 1]) await jobs.add({}, { priority });
      await jobs.add({}, { delay: hour });
    },
    enqueue_brief: async () => {
      const jobs = queue();
      await times(briefJobs, () => jobs.add({ milliseconds: brief }));
    },
    enqueue_soon: async () => queue().add({}, { delay: 1000 }),
    enqueue_every_state: async () => {
      const jobs = queue();
      await jobs.add({});
      await jobs.add({ fail: true });
      await jobs.add({ fail: true }, { attempts: 2, backoff: hour });
      const worker = queue();
      worker.process(async (job) => job.data.fail && fail());
      await eventually(async () => {
        const counts = await jobs.getJobCounts();
        return counts.completed === 1 && counts.failed === 1 && counts.delayed === 1 && counts.active === 0;
      });
      await worker.close();
      await jobs.add({}, { repeat: { every: 24 * hour } });  // One more is delayed.
      await jobs.add({});
      await jobs.pause();
      await jobs.add({}, { priority: 1 });
    },
    work: async () => queue().process(2, (job) => block(job.data.milliseconds)),
    report: async () => {
      const counts = await queue().getJobCounts();
      return { waiting: counts.waiting + counts.paused, in_flight: counts.active, delayed: counts.delayed };
    },
  };
};

const beeQueue = () => {
  const Queue = load('bee-queue');
  const queue = (options) => new Queue('jobs', { redis: connection, stallInterval: recovery, ...options });
  return {
    enqueue: async () => {
      const jobs = queue();
      await times(5, () => jobs.createJob({}).save());
      await queue({ activateDelayedJobs: true }).createJob({}).delayUntil(Date.now() + hour).save();
    },
    enqueue_brief: async () => {
      const jobs = queue();
      await times(briefJobs, () => jobs.createJob({ milliseconds: brief }).save());
    },
    enqueue_soon: async () => queue().createJob({}).delayUntil(Date.now() + 1000).save(),
    enqueue_every_state: async () => {
      const jobs = queue();
      await jobs.createJob({}).save();
      await jobs.createJob({ fail: true }).save();
      await jobs.createJob({ fail: true }).retries(1).backoff('fixed', hour).save();
      const worker = queue();
      worker.process(async (job) => job.data.fail && fail());
      await eventually(async () => {
        const health = await jobs.checkHealth();
        return health.succeeded === 1 && health.failed === 1 && health.delayed === 1 && health.active === 0;
      });
      await worker.close();
      await jobs.createJob({}).save();
    },
    work: async () => {
      const worker = queue();
      worker.process(2, (job) => block(job.data.milliseconds));
      worker.checkStalledJobs(recovery);
    },
    report: async () => {
      const health = await queue().checkHealth();
      return { waiting: health.waiting, in_flight: health.active, delayed: health.delayed };
    },
  };
};

const resque = () => {
  const { Queue, Worker } = load('node-resque');
  const options = { connection: { ...connection, pkg: 'ioredis', database: 0 } };
  const queue = async () => {
    const jobs = new Queue(options);
    await jobs.connect();
    return jobs;
  };
  return {
    enqueue: async () => {
      const jobs = await queue();
      await times(5, () => jobs.enqueue('jobs', 'task', []));
      await jobs.enqueueIn(hour, 'jobs', 'task', []);
      await jobs.enqueueIn(hour, 'others', 'task', []);
    },
    enqueue_brief: async () => {
      const jobs = await queue();
      await times(briefJobs, () => jobs.enqueue('jobs', 'task', [brief]));
    },
    enqueue_soon: async () => (await queue()).enqueueIn(1000, 'jobs', 'task', []),
    enqueue_every_state: async () => {
      const jobs = await queue();
      await jobs.enqueue('jobs', 'task', [0]);
      await jobs.enqueue('jobs', 'fail', []);
      const worker = new Worker({ ...options, queues: ['jobs'], timeout: 10 },
        { task: { perform: block }, fail: { perform: fail } });
      await worker.connect();
      await worker.start();
      await eventually(async () => (await jobs.failedCount()) === 1);
      await worker.end();
      await jobs.enqueue('jobs', 'task', []);
    },
    // One job at a time.
    work: async () => {
      const worker = new Worker({ ...options, queues: ['jobs'], name: `${randomUUID()}:${process.pid}`, timeout: 10 },
        { task: { perform: block } });
      await worker.connect();
      await worker.start();
    },
    report: async () => {
      const jobs = await queue();
      const working = Object.values(await jobs.allWorkingOn()).filter((work) => work.queue === 'jobs');
      const delayed = Object.values(await jobs.allDelayed()).flat().filter((job) => job.queue === 'jobs');
      return { waiting: await jobs.length('jobs'), in_flight: working.length, delayed: delayed.length };
    },
  };
};

(async () => {
  const [framework, action] = process.argv.slice(2);
  const result = await { bullmq, bull, 'bee-queue': beeQueue, resque }[framework]()[action]();
  if (action === 'report') console.log(JSON.stringify(result));
  if (action !== 'work') process.exit(0);
})();
