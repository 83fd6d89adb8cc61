"""Reads the audit trail of PostgreSQL: what led to an order, and what became of it.

    DATABASE_URL=postgresql://reader@127.0.0.1/binaryrogue python read_audit.py
"""

import json
import os

import psycopg

LAST_FILLED = """
    SELECT trace, client_order_id FROM tickpath.fills ORDER BY at DESC, sequence DESC LIMIT 1
"""

STORY = """
    SELECT sequence, at, type, source, data
    FROM tickpath.events
    WHERE trace = %s
    ORDER BY epoch, sequence
"""

TRANSITIONS = """
    SELECT sequence, event, state_before, state, cum_qty::text, leaves_qty::text
    FROM tickpath.order_events
    WHERE client_order_id = %s
    ORDER BY epoch, sequence, part
"""


def main():
    with psycopg.connect(os.environ["DATABASE_URL"]) as database, database.cursor() as cursor:
        found = cursor.execute(LAST_FILLED).fetchone()
        if found is None:
            raise SystemExit("nothing was filled yet")
        trace, order = found
        print(json.dumps({"trace": trace, "client_order_id": order}))
        for sequence, at, kind, source, data in cursor.execute(STORY, (trace,)):
            print(json.dumps({"sequence": sequence, "at": at.isoformat(), "type": kind, "source": source, "data": data}))
        for row in cursor.execute(TRANSITIONS, (order,)):
            names = ("sequence", "event", "state_before", "state", "cum_qty", "leaves_qty")
            print(json.dumps(dict(zip(names, row))))


if __name__ == "__main__":
    main()
