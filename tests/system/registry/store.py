#!/usr/bin/env python3
"""A registry on loopback that takes what is pushed to it and gives it back, for tests.

    store.py DIRECTORY

writes DIRECTORY/port once it listens, and to DIRECTORY/log a line per request: METHOD PATH STATUS. A repository
`login/…` wants user:word; `cut/…` hangs up in the middle of the first upload; `busy/…` answers the first upload
with 503; `deny/…` lets nobody write; `hold/…` logs HOLD at an upload and never answers it. A manifest is taken only
when all that it names is there.
"""
import base64, hashlib, http.server, json, os, sys, threading, urllib.parse

DIRECTORY = sys.argv[1]
blobs, manifests, hurt = {}, {}, set()
lock = threading.Lock()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body=b"", **headers):
        with lock, open(DIRECTORY + "/log", "a") as log:
            print(self.command, self.path, status, file=log)
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def error(self, status, message):
        self.answer(status, json.dumps({"errors": [{"code": "X", "message": message}]}).encode())

    def body(self):
        return self.rfile.read(int(self.headers.get("Content-Length", 0)))

    def handle_it(self):
        url = urllib.parse.urlsplit(self.path)
        if url.path == "/v2/":
            return self.answer(200)
        repository, kind, name = url.path[len("/v2/"):].rsplit("/", 2)
        if repository.endswith("/blobs"):
            repository, kind = repository[: -len("/blobs")], "uploads"
        if repository.startswith("login/") and self.headers.get("Authorization") != "Basic " + base64.b64encode(b"user:word").decode():
            self.body()
            return self.answer(401, WWW_Authenticate='Basic realm="x"')
        if repository.startswith("deny/") and self.command != "GET" and self.command != "HEAD":
            self.body()
            return self.error(403, "nobody writes here")
        getattr(self, kind)(repository, name, urllib.parse.parse_qs(url.query))

    do_GET = do_HEAD = do_POST = do_PUT = handle_it

    def blobs(self, repository, name, query):
        data = blobs.get((repository, name))
        if data is None:
            return self.error(404, "blob unknown")
        self.answer(200, data)

    def uploads(self, repository, name, query):
        if self.command == "POST":
            self.body()
            return self.answer(202, Location=f"/v2/{repository}/blobs/uploads/1234?state=a%2Fb")
        assert query["state"] == ["a/b"], query
        first = repository not in hurt
        hurt.add(repository)
        if repository.startswith("cut/") and first:
            self.rfile.read(10)
            self.close_connection = True
            return self.connection.close()
        if repository.startswith("hold/"):
            with lock, open(DIRECTORY + "/log", "a") as log:
                print("HOLD", self.path, file=log)
            return threading.Event().wait()
        data = self.body()
        if repository.startswith("busy/") and first:
            return self.error(503, "busy")
        if digest(data) != query["digest"][0]:
            return self.error(400, "digest invalid")
        blobs[(repository, digest(data))] = data
        self.answer(201, Location="/v2/x", Docker_Content_Digest=digest(data))

    def manifests(self, repository, name, query):
        if self.command == "PUT":
            data = self.body()
            manifest = json.loads(data)
            for part in [manifest["config"]] + manifest["layers"] if "config" in manifest else []:
                if (repository, part["digest"]) not in blobs:
                    return self.error(404, "blob unknown to registry")
            for key in (name, digest(data)):
                manifests[(repository, key)] = (self.headers["Content-Type"], data)
            return self.answer(201, Docker_Content_Digest=digest(data))
        if (repository, name) not in manifests:
            return self.error(404, "manifest unknown")
        kind, data = manifests[(repository, name)]
        self.answer(200, data, Content_Type=kind, Docker_Content_Digest=digest(data))


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
open(DIRECTORY + "/log", "w").close()
with open(DIRECTORY + "/port.new", "w") as port:
    print(server.server_address[1], file=port)
os.rename(DIRECTORY + "/port.new", DIRECTORY + "/port")
server.serve_forever()
