"""Sends a signal, and waits for the orders that follow it.

The host follows the agents that its configuration names: [intake] agents = ["agent:002"].

    REDIS_URL=redis://127.0.0.1:6379 python send_signal.py BTCUSDT long 0.9
"""

import argparse
import json
import os
import time
import uuid
from datetime import datetime

import redis


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("instrument")
    arguments.add_argument("direction", choices=["long", "short", "flat"])
    arguments.add_argument("confidence", type=float)
    arguments.add_argument("--source", default="agent:002")
    arguments.add_argument("--host", default="tickpath-1")
    arguments.add_argument("--wait", type=float, default=10, help="seconds to wait for an order")
    arguments = arguments.parse_args()
    server = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    events = f"binaryrogue:events:{arguments.host}"
    last = "$"
    if server.exists(events):
        last = server.xinfo_stream(events)["last-generated-id"]
    trace = str(uuid.uuid4())
    server.publish("binaryrogue:signals", json.dumps({
        "timestamp": datetime.utcnow().isoformat(),
        "source": arguments.source,
        "traceId": trace,
        "type": f"signal.{arguments.direction}",
        "instrument": arguments.instrument,
        "confidence": arguments.confidence,
        "model": "scout@v260101",
    }))
    # The event stream has everything that follows, under the trace of the signal.
    end = time.monotonic() + arguments.wait
    while time.monotonic() < end:
        for _, entries in server.xread({events: last}, count=1000, block=500) or []:
            for last, entry in entries:
                if entry["traceId"] != trace:
                    continue
                data = json.loads(entry["data"])
                print(entry["sequence"], entry["type"], json.dumps(data.get("orders") or data), flush=True)
                if data.get("orders"):
                    return
    raise SystemExit("no order followed: see binaryrogue:signals:dead, and what risk refused")


if __name__ == "__main__":
    main()
