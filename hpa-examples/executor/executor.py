#!/usr/bin/env python3
"""Runs a command once for each job of a Redis queue, one job at a time.

    REDIS_URL=redis://localhost QUEUE=evaluation-jobs ./executor.py sh -c 'echo "job $JOB_ID: $(cat)"'

The payload arrives on the command's standard input, the job's id in $JOB_ID; exit status 0 means done, anything else failed.

Keys, for QUEUE=q (one Redis Cluster slot: the braces hash like the bare name):
    q                      hash id -> payload: every job that is not finished. The HPA scales on its size.
    {q}:waiting            list of ids to hand out
    {q}:processing:WORKER  list: the id this worker holds
    {q}:workers            set of workers that may hold a job
    {q}:alive:WORKER       expires when the worker no longer beats
    {q}:attempts           hash id -> how often the job was begun
    {q}:failed             hash id -> payload of jobs that were given up

Why the hash: a job must count from enqueue to acknowledgement. The length of the waiting list falls to 0 while every worker is
busy, and an HPA that sees that removes busy workers. The hash is also the truth about a job: an id without a payload is finished,
so acknowledging twice, or handing out twice, does no harm.

A job runs twice only if its worker vanished, or lost Redis for longer than HEARTBEAT_TTL_SECONDS, before acknowledging.
"""
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

QUEUE = os.environ.get("QUEUE", "evaluation-jobs")
JOB_TIMEOUT = float(os.environ.get("JOB_TIMEOUT_SECONDS", 3300))  # Less than terminationGracePeriodSeconds.
HEARTBEAT_TTL = int(os.environ.get("HEARTBEAT_TTL_SECONDS", 60))
MAX_ATTEMPTS = int(os.environ.get("MAX_ATTEMPTS", 3))
IDLE_WAIT = 2.0  # How long an idle worker may take to notice SIGTERM, in seconds.


def log(event, **facts):
    print(event, *(f"{key}={value}" for key, value in facts.items()), flush=True)


class Executor:
    def __init__(self, client, command):
        self.redis = client
        self.command = command
        self.name = f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"  # Never reused: a restarted container is another worker.
        self.waiting = f"{{{QUEUE}}}:waiting"
        self.workers = f"{{{QUEUE}}}:workers"
        self.attempts = f"{{{QUEUE}}}:attempts"
        self.failed = f"{{{QUEUE}}}:failed"
        self.processing = self.processing_of(self.name)
        self.stopping = False

    def processing_of(self, worker):
        return f"{{{QUEUE}}}:processing:{worker}"

    def alive(self, worker):
        return f"{{{QUEUE}}}:alive:{worker}"

    def serve(self):
        signal.signal(signal.SIGTERM, self.stop)
        self.until_redis_answers(self.beat)
        threading.Thread(target=self.keep_beating, daemon=True).start()
        log("ready", worker=self.name)
        while not self.stopping:
            try:
                self.rescue()
                job = self.take()
            except redis.RedisError as error:
                log("redis", error=error)
                time.sleep(1)
                continue
            if job:
                self.finish(job, succeeded=self.run(job))
        self.leave()

    def stop(self, *_):
        self.stopping = True

    def take(self):
        """The next (id, payload), or None when there is none or it needs no work."""
        # A job already in our list is one whose hand-out answer was lost.
        job_id = self.redis.lindex(self.processing, 0) or self.redis.blmove(self.waiting, self.processing, IDLE_WAIT)
        if job_id is None or self.stopping:
            return None  # leave() gives it back.
        payload = self.redis.hget(QUEUE, job_id)
        if payload is None:
            self.redis.lrem(self.processing, 1, job_id)
            return None
        job = job_id, payload
        if self.redis.hincrby(self.attempts, job_id, 1) > MAX_ATTEMPTS:
            self.finish(job, succeeded=False)
            return None
        return job

    def run(self, job):
        job_id, payload = job
        log("start", job=job_id.decode())
        try:
            result = subprocess.run(
                self.command, input=payload, env={**os.environ, "JOB_ID": job_id.decode()}, timeout=JOB_TIMEOUT, check=False)
            return result.returncode == 0
        except subprocess.TimeoutExpired:
            return False

    def finish(self, job, succeeded):
        """Takes the job out of every key at once, so that it stops counting exactly when it is done."""
        job_id, payload = job

        def forget():
            with self.redis.pipeline(transaction=True) as transaction:
                transaction.lrem(self.processing, 1, job_id)
                transaction.hdel(QUEUE, job_id)
                transaction.hdel(self.attempts, job_id)
                if not succeeded:
                    transaction.hset(self.failed, job_id, payload)
                transaction.execute()

        self.until_redis_answers(forget)
        log("done" if succeeded else "failed", job=job_id.decode())

    def rescue(self):
        """Puts the jobs of workers that died back at the head of the queue."""
        for worker in self.redis.smembers(self.workers):
            worker = worker.decode()
            if not self.redis.exists(self.alive(worker)):
                while job_id := self.redis.lmove(self.processing_of(worker), self.waiting, "RIGHT", "LEFT"):
                    log("rescued", job=job_id.decode(), of=worker)
                self.redis.srem(self.workers, worker)

    def leave(self):
        """Gives back a job that was handed out but not begun, and resigns. Left undone, rescue() of another worker does it."""
        try:
            while self.redis.lmove(self.processing, self.waiting, "RIGHT", "LEFT"):
                pass
            with self.redis.pipeline(transaction=True) as transaction:
                transaction.srem(self.workers, self.name)
                transaction.delete(self.alive(self.name))
                transaction.execute()
        except redis.RedisError as error:
            log("redis", error=error)
        log("left", worker=self.name)

    def beat(self):
        with self.redis.pipeline(transaction=True) as transaction:
            transaction.set(self.alive(self.name), 1, ex=HEARTBEAT_TTL)
            transaction.sadd(self.workers, self.name)
            transaction.execute()

    def keep_beating(self):
        while True:
            time.sleep(HEARTBEAT_TTL / 6)
            try:
                self.beat()
            except redis.RedisError as error:
                log("redis", error=error)

    def until_redis_answers(self, action):
        while True:
            try:
                return action()
            except redis.RedisError as error:
                log("redis", error=error)
                time.sleep(1)


if __name__ == "__main__":
    if len(sys.argv) < 2:
        sys.exit("usage: executor.py COMMAND [ARGUMENT...]")
    url = os.environ.get("REDIS_URL", "redis://redis-service:6379")
    client = redis.Redis.from_url(url, socket_timeout=IDLE_WAIT + 5, retry=Retry(NoBackoff(), 0))  # Each caller here retries itself.
    Executor(client, sys.argv[1:]).serve()
