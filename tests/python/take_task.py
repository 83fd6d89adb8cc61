"""Gives a host a task and waits for its outcome; takes a task of one's own without losing it.

    REDIS_URL=redis://127.0.0.1:6379 python take_task.py ask scan_market
    REDIS_URL=redis://127.0.0.1:6379 python take_task.py work agent:003
"""

import json
import os
import sys
import time
import uuid

import redis

TASKS = "binaryrogue:tasks"


def ask(server, action):
    """Pushes a task, then waits for the message that has its id and is not pending any more."""
    ears = server.pubsub(ignore_subscribe_messages=True)
    ears.subscribe(TASKS)
    task = {
        "task_id": str(uuid.uuid4()),
        "sender": "agent:001",
        "receiver": "market-data",
        "action": action,
        "payload": {},
        "priority": "high",
        "status": "pending",
        "created_at": int(time.time()),
    }
    server.lpush(TASKS, json.dumps(task))
    # A hint that wakes the hosts; without it they look by themselves, a little later.
    server.publish(TASKS, json.dumps(task))
    end = time.monotonic() + 10
    while time.monotonic() < end:
        message = ears.get_message(timeout=0.5)
        told = json.loads(message["data"]) if message else {}
        if told.get("task_id") == task["task_id"] and told["status"] != "pending":
            return told
    raise SystemExit("no outcome within 10 s")


def work(server, name):
    """A worker that dies behind the move finds its item in its own list at the next start."""
    mine = f"{TASKS}:processing:{name}"
    item = server.lindex(mine, -1) or server.blmove(TASKS, mine, timeout=10, src="RIGHT", dest="LEFT")
    if item is None:
        raise SystemExit("no task within 10 s")
    task = json.loads(item)
    outcome = {**task, "status": "completed", "result": {"by": name}}
    with server.pipeline(transaction=True) as together:
        together.lrem(mine, 1, item)
        together.publish(TASKS, json.dumps(outcome))
        together.execute()
    return outcome


def main():
    server = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    told = {"ask": ask, "work": work}[sys.argv[1]](server, sys.argv[2])
    print(json.dumps(told))


if __name__ == "__main__":
    main()
