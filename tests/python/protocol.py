"""The agents' protocol as its documents write it: each piece of code below stands there in these words.

Beside them is only what the pieces need around them: connections, imports, the names that they use.

    REDIS_URL=redis://127.0.0.1:6379 python protocol.py alert | push | pop
    REDIS_URL=… python protocol.py heartbeat agent:007
    REDIS_URL=… python protocol.py usage agent:002 anthropic 95
    REDIS_URL=… python protocol.py engine tickpath-1.risk reducing
    REDIS_URL=… python protocol.py agent architect-a1b2c3
    REDIS_URL=… DATABASE_URL=postgresql://… python protocol.py database
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


class NoDatabase:
    """Stands for the cursor where no database is wanted."""

    def execute(self, *_):
        pass


cursor = NoDatabase()


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


def log_event():
    # Log an agent event
    cursor.execute("""
        INSERT INTO agent_events (agent_name, event_type, payload)
        VALUES (%s, %s, %s)
    """, ("milkbot", "task_completed", json.dumps({
        "task": "deploy-dashboard",
        "duration_seconds": 45
    })))


def send_heartbeat(agent_id, status="alive"):
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


# The flows between engine and agents. Their document gives keys, operations and fields.


def state_transition(agent_id, target):
    """1. State transition command. Engine: LPUSH aism:agent:{agent_id}:commands"""
    redis.lpush(f"aism:agent:{agent_id}:commands", json.dumps({
        "id": "cmd-123",
        "type": "state_transition",
        "payload": {"target": target},
        "timestamp": datetime.utcnow().isoformat()
    }))


def next_command(agent_id):
    """Agent: BRPOP aism:agent:{agent_id}:commands 0 (blocks until command available)"""
    return json.loads(redis.brpop(f"aism:agent:{agent_id}:commands", 0)[1])


def respond(response):
    """2. Agent response. Agent: 1. LPUSH the response queue, 2. PUBLISH to the channel"""
    redis.lpush("aism:engine:response_queue", json.dumps(response))
    redis.publish("aism:engine:responses", json.dumps(response))


def state_change(agent_id, old_state, new_state):
    """3. State change event. Agent: PUBLISH aism:events:state_changes"""
    redis.publish("aism:events:state_changes", json.dumps({
        "agent_id": agent_id,
        "old_state": old_state,
        "new_state": new_state,
        "timestamp": datetime.utcnow().isoformat()
    }))


def heartbeat_of_the_engine(agent_id):
    """4. Agent heartbeats: a sorted set; score: timestamp, member: agent_id"""
    redis.zadd("aism:agents:heartbeats", {agent_id: time.time()})


def engine(agent_id, target):
    """The engine commands an agent, and hears the response in the queue and on the channel."""
    ears = redis.pubsub(ignore_subscribe_messages=True)
    ears.subscribe("aism:engine:responses", "aism:events:state_changes")
    state_transition(agent_id, target)
    print("queued", redis.brpop("aism:engine:response_queue", timeout=20)[1])
    end = time.monotonic() + 2
    while time.monotonic() < end:
        message = ears.get_message(timeout=0.2)
        if message:
            print(message["channel"], message["data"])
    print("state", redis.get(f"aism:agent:{agent_id}:state"))


def agent(agent_id):
    """An agent of another program: does one command."""
    heartbeat_of_the_engine(agent_id)
    command = next_command(agent_id)
    redis.set(f"aism:agent:{agent_id}:state", command["payload"]["target"])
    state_change(agent_id, "inbox", command["payload"]["target"])
    respond({"id": command["id"], "agent_id": agent_id, "status": "completed"})
    print(json.dumps(command))


def database():
    global cursor
    import psycopg

    with psycopg.connect(os.environ["DATABASE_URL"]) as connection, connection.cursor() as cursor:
        log_event()
        send_heartbeat("milkbot")


if __name__ == "__main__":
    what, arguments = sys.argv[1], sys.argv[2:]
    if what == "usage":
        arguments[2] = float(arguments[2])
    verbs = {
        "alert": alert, "push": push, "pop": pop, "heartbeat": send_heartbeat, "usage": track_usage, "command": state_transition,
        "engine": engine, "agent": agent, "database": database,
    }
    verbs[what](*arguments)
