"""Listens to a host: its own topics and the agents' channels. Prints one message a line: channel, then the JSON.

    REDIS_URL=redis://127.0.0.1:6379 python listen.py --count 20
"""

import argparse
import json
import os
import time

import redis

CHANNELS = ["binaryrogue:*", "aism:events:*", "aism:engine:responses"]


def main():
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--count", type=int, default=0, help="messages to wait for; 0 = for ever")
    arguments.add_argument("--seconds", type=float, default=0, help="how long to wait; 0 = for ever")
    arguments = arguments.parse_args()
    server = redis.Redis.from_url(os.environ["REDIS_URL"], decode_responses=True)
    ears = server.pubsub(ignore_subscribe_messages=True)
    ears.psubscribe(*CHANNELS)
    heard, begun = 0, time.monotonic()
    while not arguments.seconds or time.monotonic() - begun < arguments.seconds:
        message = ears.get_message(timeout=0.2)
        if message is None:
            continue
        # Each message is one JSON object; the host's own have a timestamp, a source, a traceId and their sequence.
        print(message["channel"], json.dumps(json.loads(message["data"])), flush=True)
        heard += 1
        if arguments.count and heard >= arguments.count:
            return


if __name__ == "__main__":
    main()
