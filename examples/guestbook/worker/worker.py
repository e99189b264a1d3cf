"""Counts the words of new entries, one at a time, from a queue in Redis."""
import signal
import sys

from resp import Redis

signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
redis = Redis()
print("worker: waiting for entries")
while True:
    item = redis.call("BRPOP", "queue", 5)
    if item is None:
        continue
    count = len(item[1].split())
    redis.call("INCRBY", "words", count)
    print("worker: counted %d words" % count)
