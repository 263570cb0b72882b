#!/usr/bin/env python3
"""Puts each line of standard input into a queue as one job, and prints the jobs' ids.

    seq 10 | REDIS_URL=redis://localhost ./enqueue.py evaluation-jobs

The same by hand, for one job with the id 42 (both keys at once, or the HPA counts a job nobody can take):

    printf '%s\\n' MULTI 'HSET evaluation-jobs 42 payload' 'RPUSH {evaluation-jobs}:waiting 42' EXEC | redis-cli
"""
import os
import sys
import uuid

import redis

if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: enqueue.py QUEUE < PAYLOADS")
    queue = sys.argv[1]
    client = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://redis-service:6379"))
    for payload in sys.stdin:
        job_id = uuid.uuid4().hex
        with client.pipeline(transaction=True) as transaction:
            transaction.hset(queue, job_id, payload.rstrip("\n"))
            transaction.rpush(f"{{{queue}}}:waiting", job_id)
            transaction.execute()
        print(job_id)
