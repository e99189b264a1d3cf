"""The guestbook's application: entries in Redis over a small HTTP interface."""
import json
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from resp import Redis

MAX_ENTRY_BYTES = 800


class Handler(BaseHTTPRequestHandler):
    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        if self.path == "/health":
            Redis().call("PING")
            self.answer(200, "ok")
        elif self.path == "/api/entries":
            redis = Redis()
            entries = redis.call("LRANGE", "entries", 0, 99)
            words = int(redis.call("GET", "words") or 0)
            self.answer(200, {"entries": [e.decode() for e in entries], "words": words})
        else:
            self.answer(404, "no such page")

    def do_POST(self):
        length = int(self.headers.get("Content-Length", 0))
        if self.path != "/api/entries" or not 0 < length <= MAX_ENTRY_BYTES:
            self.answer(400, "one entry of at most %d bytes, please" % MAX_ENTRY_BYTES)
            return
        entry = self.rfile.read(length).decode(errors="replace")
        redis = Redis()
        redis.call("LPUSH", "entries", entry)
        redis.call("LPUSH", "queue", entry)
        self.answer(201, "thank you")


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
print("app: listening on port 8000")
ThreadingHTTPServer(("", 8000), Handler).serve_forever()
