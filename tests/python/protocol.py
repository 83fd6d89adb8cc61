"""The agents' protocol as its document writes it: each piece of code below stands there in these words.

Beside them is only what the pieces need around them: connections, imports, the names that they use.
"""

import json
import os
import sys
import time
import uuid
from datetime import datetime

import redis as redis_py

redis = redis_py.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
BUDGET_LIMITS = {"anthropic": 100.0}
STARTED = time.monotonic()


def get_uptime():
    return time.monotonic() - STARTED


def alert():
    # Broadcast a critical alert
    redis.publish("binaryrogue:alerts", json.dumps({
        "level": "critical",
        "source": "agent:002",
        "message": "MilkBot missed 3 heartbeats",
        "timestamp": datetime.utcnow().isoformat()
    }))


def push():
    # Push a task
    redis.lpush("binaryrogue:tasks", json.dumps({
        "task_id": str(uuid.uuid4()),
        "sender": "agent:001",
        "receiver": "agent:003",
        "action": "scan_market",
        "payload": {"venue": "kalshi"},
        "priority": "high",
        "status": "pending",
        "created_at": int(time.time())
    }))


def pop():
    # Worker pops tasks (blocking)
    task = redis.brpop("binaryrogue:tasks", timeout=0)
    print(task[1])


def log_event(cursor):
    # Log an agent event
    cursor.execute("""
        INSERT INTO agent_events (agent_name, event_type, payload)
        VALUES (%s, %s, %s)
    """, ("milkbot", "task_completed", json.dumps({
        "task": "deploy-dashboard",
        "duration_seconds": 45
    })))


def send_heartbeat(agent_id, status="alive", cursor=None):
    # Redis: real-time presence
    redis.hset(f"binaryrogue:agents:{agent_id}", mapping={
        "status": status,
        "last_seen": datetime.utcnow().isoformat(),
        "uptime_seconds": str(get_uptime())
    })
    redis.publish("binaryrogue:heartbeats", json.dumps({
        "agent_id": agent_id,
        "status": status,
        "timestamp": datetime.utcnow().isoformat()
    }))

    if cursor is None:
        return
    # PostgreSQL: persistent history
    cursor.execute("""
        INSERT INTO agent_heartbeats (agent_name, status, metadata)
        VALUES (%s, %s, %s)
    """, (agent_id, status, json.dumps({"uptime": get_uptime()})))


def track_usage(agent_id, provider, cost):
    key = f"binaryrogue:budget:{agent_id}:{provider}"
    redis.incrbyfloat(key, cost)

    usage = float(redis.get(key) or 0)
    limit = BUDGET_LIMITS[provider]

    if usage > limit * 0.9:
        redis.publish("binaryrogue:alerts", json.dumps({
            "level": "warning",
            "source": agent_id,
            "message": f"Near {provider} limit: ${usage:.2f}/${limit}"
        }))


def command():
    # Engine: LPUSH of a state transition; then it waits for the response, in the queue and on the channel.
    ears = redis.pubsub(ignore_subscribe_messages=True)
    ears.subscribe("aism:engine:responses", "aism:events:state_changes")
    agent = sys.argv[2]
    redis.lpush(f"aism:agent:{agent}:commands", json.dumps({
        "id": "cmd-123",
        "type": "state_transition",
        "payload": {"target": sys.argv[3]},
        "timestamp": datetime.utcnow().isoformat()
    }))
    _, queued = redis.brpop("aism:engine:response_queue", timeout=10)
    print("queued", queued)
    end = time.monotonic() + 3
    while time.monotonic() < end:
        message = ears.get_message(timeout=0.2)
        if message:
            print(message["channel"], message["data"])
    print("state", redis.get(f"aism:agent:{agent}:state"))


def database():
    import psycopg

    with psycopg.connect(os.environ["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        log_event(cursor)
        send_heartbeat("milkbot", cursor=cursor)


if __name__ == "__main__":
    what = sys.argv[1]
    if what == "heartbeat":
        send_heartbeat(sys.argv[2])
    elif what == "usage":
        track_usage(sys.argv[2], sys.argv[3], float(sys.argv[4]))
    else:
        {"alert": alert, "push": push, "pop": pop, "command": command, "database": database}[what]()
