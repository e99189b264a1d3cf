#!/usr/bin/env python3
"""A registry that misbehaves on purpose, on loopback, for tests.

    registry.py ARCHIVE DIRECTORY

serves the first image of an OCI layout (a tar as `berth save` writes) as every repository and tag. The
first component of the repository's name says what goes wrong: see the functions `do_*` below. Writes
DIRECTORY/port (the registry's) and DIRECTORY/cdn-port (a second server, for redirects) once both listen,
and a line per request to DIRECTORY/log: METHOD PATH auth=… range=…
"""
import base64, hashlib, http.server, json, os, sys, tarfile, threading, urllib.parse

ARCHIVE, DIRECTORY = sys.argv[1:3]
BLOBS = {}
lock = threading.Lock()
counters = {}
tokens = set()


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


def put(data):
    BLOBS[digest(data)] = data
    return digest(data)


with tarfile.open(ARCHIVE) as tar:
    for member in tar.getmembers():
        if member.name.startswith("blobs/sha256/"):
            put(tar.extractfile(member).read())
    entry = json.loads(tar.extractfile("index.json").read())["manifests"][0]
MANIFEST_TYPE = "application/vnd.oci.image.manifest.v1+json"
INDEX_TYPE = "application/vnd.oci.image.index.v1+json"
MANIFEST = BLOBS[entry["digest"]]
manifest = json.loads(MANIFEST)
CONFIG = manifest["config"]["digest"]
LAYERS = [layer["digest"] for layer in manifest["layers"]]


def described(data, media_type, **more):
    return {"mediaType": media_type, "digest": put(data), "size": len(data), **more}


def changed_manifest(**changes):
    return json.dumps({**manifest, **changes}).encode()


def wrong_diff_manifest():
    config = json.loads(BLOBS[CONFIG])
    config["rootfs"]["diff_ids"][0] = "sha256:" + "0" * 64
    return changed_manifest(config=described(json.dumps(config).encode(), manifest["config"]["mediaType"]))


def index(*platforms):
    entries = []
    for architecture, variant, data in platforms:
        platform = {"os": "unknown" if architecture == "unknown" else "linux", "architecture": architecture}
        if variant:
            platform["variant"] = variant
        entries.append(described(data, MANIFEST_TYPE, platform=platform))
    return json.dumps({"schemaVersion": 2, "mediaType": INDEX_TYPE, "manifests": entries}).encode()


def count(key):
    with lock:
        counters[key] = counters.get(key, 0) + 1
        return counters[key]


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    is_cdn = False

    def log_message(self, *args):
        pass

    def answer(self, status, data=b"", headers=None, length=None):
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(data) if length is None else length))
        self.end_headers()
        self.wfile.write(data)
        if length is not None and length != len(data):
            self.cut()

    def cut(self):
        self.wfile.flush()
        self.close_connection = True

    def failure(self, status, code, message, headers=None):
        body = json.dumps({"errors": [{"code": code, "message": message}]}).encode()
        self.answer(status, body, {"Content-Type": "application/json", **(headers or {})})

    def do_POST(self):
        self.handle_request()

    def do_GET(self):
        self.handle_request()

    def handle_request(self):
        auth = self.headers.get("Authorization")
        form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        with lock, open(DIRECTORY + "/log", "a") as log:
            log.write("%s%s %s auth=%s range=%s\n" % ("cdn " if self.is_cdn else "", self.command, self.path,
                                                    (auth or "none").split()[0], self.headers.get("Range")))
        url = urllib.parse.urlparse(self.path)
        if url.path == "/token":
            return self.token(urllib.parse.parse_qs(form or url.query), auth)
        if url.path == "/v2/":
            return self.answer(200)
        try:
            name, kind, reference = url.path[len("/v2/"):].rsplit("/", 2)
        except ValueError:
            return self.failure(404, "NAME_UNKNOWN", "no such page")
        self.fault = name.split("/")[0]
        if self.fault.startswith("token") and not self.check_token(name, auth):
            return None
        if self.fault == "basic" and auth != "Basic " + base64.b64encode(b"user:secret").decode():
            return self.failure(401, "UNAUTHORIZED", "authentication required",
                                {"WWW-Authenticate": 'Basic realm="test registry"'})
        handler = getattr(self, "%s_%s" % (kind, self.fault.replace("-", "_")), None)
        if handler:
            return handler(reference)
        if kind == "tags":
            return self.tags(urllib.parse.parse_qs(url.query))
        return self.manifests(reference) if kind == "manifests" else self.blobs(reference)

    # ---- what a good registry does ----

    def manifests(self, reference, data=None):
        data = data or BLOBS.get(reference, MANIFEST)
        media_type = json.loads(data).get("mediaType", MANIFEST_TYPE)
        self.answer(200, data, {"Content-Type": media_type, "Docker-Content-Digest": digest(data)})

    def tags(self, query, page=2):
        tags = [tag for tag in ("1", "2", "beta") if tag > query.get("last", [""])[0]]
        self.answer(200, json.dumps({"name": self.fault, "tags": tags[:page] or None}).encode())

    def tags_no_pages(self, reference):
        self.tags({}, 100)

    def tags_evil(self, reference):
        self.answer(200, json.dumps({"tags": ["1", "../../other/blobs/x"]}).encode())

    def tags_nonsense(self, reference):
        self.answer(200, b'{"tags": {"1": 2}}')

    def blobs(self, reference):
        data = BLOBS.get(reference)
        if data is None:
            return self.failure(404, "BLOB_UNKNOWN", "blob unknown to registry")
        begin = self.range_begin()
        if begin:
            return self.answer(206, data[begin:], {"Content-Range": "bytes %d-%d/%d" % (
                begin, len(data) - 1, len(data))})
        return self.answer(200, data)

    def range_begin(self):
        value = self.headers.get("Range")
        return int(value[len("bytes="):].split("-")[0]) if value else 0

    # ---- tokens ----

    def check_token(self, name, auth):
        token = auth[len("Bearer "):] if auth and auth.startswith("Bearer ") else None
        if token in tokens:
            if self.fault == "token-expires":
                tokens.discard(token)
            return True
        realm = "http://127.0.0.1:%d/token" % self.server.server_port
        self.failure(401, "UNAUTHORIZED", "authentication required", {
            "WWW-Authenticate": 'Bearer realm="%s",service="test, of tokens",scope="repository:%s:pull"' % (realm, name)})
        return False

    def token(self, query, auth):
        name = query.get("scope", [""])[0]
        if query.get("service") != ["test, of tokens"] or not name.endswith(":pull"):
            return self.failure(400, "BAD", "service or scope are missing")
        if name.startswith("repository:token-user/") and auth != "Basic " + base64.b64encode(b"user:secret").decode():
            return self.failure(401, "UNAUTHORIZED", "wrong user name or password")
        if name.startswith("repository:token-identity/") and query.get("refresh_token") != ["identity"]:
            return self.failure(401, "UNAUTHORIZED", "wrong identity token")
        if name.startswith("repository:token-nonsense/"):
            return self.answer(200, b"<html>hello</html>")
        token = "t%d" % count("token")
        tokens.add(token)
        key = "access_token" if name.startswith("repository:token-identity/") else "token"
        return self.answer(200, json.dumps({key: token, "expires_in": 60}).encode())

    # ---- redirects ----

    def blobs_redirect(self, reference):
        self.answer(307, b"", {"Location": "http://127.0.0.1:%d/v2/cdn/blobs/%s" % (cdn.server_port, reference)})

    def blobs_token_redirect(self, reference):
        self.blobs_redirect(reference)

    def blobs_cdn(self, reference):
        if self.headers.get("Authorization"):
            return self.failure(400, "DENIED", "a registry's Authorization was sent to another server")
        return self.blobs(reference)

    def blobs_redirect_loop(self, reference):
        self.answer(302, b"", {"Location": self.path})

    def blobs_redirect_file(self, reference):
        self.answer(302, b"", {"Location": "file:///etc/passwd"})

    # ---- cut connections ----

    def blobs_cut(self, reference):
        data, begin = BLOBS[reference], self.range_begin()
        if reference == CONFIG:
            return self.blobs(reference)
        end = begin + max(1000, len(data) // 3)
        if end >= len(data):
            return self.blobs(reference)
        headers = {"Content-Range": "bytes %d-%d/%d" % (begin, len(data) - 1, len(data))} if begin else {}
        return self.answer(206 if begin else 200, data[begin:end], headers, len(data) - begin)

    def blobs_cut_norange(self, reference):
        data = BLOBS[reference]
        if reference != CONFIG and count(self.path) == 1:
            return self.answer(200, data[:len(data) // 2], {}, len(data))
        return self.answer(200, data)

    def blobs_cut_always(self, reference):
        data = BLOBS[reference]
        if reference == CONFIG:
            return self.answer(200, data)
        return self.answer(200, data[:10], {}, len(data))

    def blobs_cut_wrong_range(self, reference):
        data = BLOBS[reference]
        if reference == CONFIG:
            return self.answer(200, data)
        if not self.range_begin():
            return self.answer(200, data[:len(data) // 2], {}, len(data))
        return self.answer(206, data[5:], {"Content-Range": "bytes 5-%d/%d" % (len(data) - 1, len(data))})

    def blobs_close(self, reference):
        """Neither a length nor chunks: the end of the connection is the end of the body."""
        data = BLOBS[reference]
        if reference != CONFIG and count(self.path) == 1:
            data = data[:len(data) // 2]
        elif self.range_begin():
            return self.blobs(reference)
        self.send_response(200)
        self.send_header("Connection", "close")
        self.end_headers()
        self.wfile.write(data)
        return self.cut()

    def manifests_cut(self, reference):
        if count(self.path) == 1:
            return self.answer(200, MANIFEST[:20], {"Content-Type": MANIFEST_TYPE}, len(MANIFEST))
        return self.manifests(reference)

    # ---- wrong contents ----

    def blobs_wrong_digest(self, reference):
        data = BLOBS[reference]
        if reference == LAYERS[-1]:
            data = data[:-1] + bytes([data[-1] ^ 1])
        self.answer(200, data)

    def blobs_wrong_bytes(self, reference):
        self.answer(200, BLOBS[reference] if reference == CONFIG else b"x" * len(BLOBS[reference]))

    def blobs_wrong_size(self, reference):
        data = BLOBS[reference]
        self.answer(200, data + b"x" * 100 if reference == LAYERS[-1] else data)

    def blobs_wrong_config(self, reference):
        data = BLOBS[reference]
        self.answer(200, data.replace(b"linux", b"Linux") if reference == CONFIG else data)

    def blobs_short(self, reference):
        data = BLOBS[reference]
        self.answer(200, data[:-100] if reference == LAYERS[-1] else data)

    def blobs_missing(self, reference):
        if reference == LAYERS[-1]:
            return self.failure(404, "BLOB_UNKNOWN", "blob unknown to registry")
        return self.blobs(reference)

    def endless(self, chunk):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        try:
            while True:
                self.wfile.write(b"%x\r\n%s\r\n" % (len(chunk), chunk))
        except OSError:
            self.close_connection = True

    def blobs_endless(self, reference):
        if reference == CONFIG:
            return self.blobs(reference)
        return self.endless(b"\0" * 65536)

    def manifests_wrong_diff(self, reference):
        self.manifests(reference, BLOBS.get(reference, wrong_diff_manifest()))

    def manifests_wrong_manifest(self, reference):
        self.answer(200, MANIFEST + b" ", {"Content-Type": MANIFEST_TYPE})

    def manifests_huge(self, reference):
        self.answer(200, MANIFEST + b" " * (5 << 20))

    def manifests_limit(self, reference):
        self.answer(200, MANIFEST + b" " * ((4 << 20) - len(MANIFEST)))

    def manifests_endless_manifest(self, reference):
        self.endless(b" " * 65536)

    def manifests_nonsense(self, reference):
        self.answer(200, b"<html><body>Welcome to the hotel's network</body></html>")

    def manifests_nothing(self, reference):
        self.answer(200, b'{"schemaVersion": 2}')

    def manifests_schema1(self, reference):
        self.answer(200, b'{"schemaVersion": 1, "fsLayers": [], "history": []}')

    def manifests_both(self, reference):
        self.answer(200, changed_manifest(manifests=[]))

    def manifests_bad_digest(self, reference):
        self.answer(200, changed_manifest(config={**manifest["config"], "digest": "sha256:../../../etc/passwd"}))

    def manifests_bad_size(self, reference):
        self.answer(200, changed_manifest(config={**manifest["config"], "size": 1 << 60}))

    def manifests_fewer(self, reference):
        self.answer(200, changed_manifest(layers=manifest["layers"][:-1]))

    def manifests_headers(self, reference):
        self.answer(200, MANIFEST, {"X-%d" % i: "y" * 1000 for i in range(90)})

    # ---- platforms ----

    def manifests_index(self, reference):
        other = b'{"schemaVersion": 2, "config": {}}'
        machine = {"x86_64": "amd64", "aarch64": "arm64"}.get(os.uname().machine, os.uname().machine)
        self.manifests(reference, BLOBS.get(reference, index(
            ("unknown", None, b"{}"), ("sparc", None, other), (machine, None, MANIFEST))))

    def manifests_other_platform(self, reference):
        self.manifests(reference, BLOBS.get(reference, index(("sparc", None, MANIFEST))))

    # ---- trouble ----

    def blobs_throttle(self, reference):
        if count(self.path) <= 2:
            return self.failure(429, "TOOMANYREQUESTS", "slow down", {"Retry-After": "0"})
        return self.blobs(reference)

    def manifests_throttle(self, reference):
        if count(self.path) <= 2:
            return self.failure(503, "UNAVAILABLE", "not now", {"Retry-After": "0"})
        return self.manifests(reference)

    def manifests_broken(self, reference):
        self.failure(500, "UNKNOWN", "out of order", {"Retry-After": "0"})

    def manifests_denied(self, reference):
        self.failure(403, "DENIED", "requested access to the resource is denied")

    def manifests_missing_tag(self, reference):
        self.failure(404, "MANIFEST_UNKNOWN", "manifest unknown")

    def blobs_slow(self, reference):
        """Never ends, so that a test can interrupt it."""
        data = BLOBS[reference]
        if reference == CONFIG:
            return self.blobs(reference)
        self.send_response(200)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data[:1000])
        self.wfile.flush()
        open(DIRECTORY + "/slow", "w").close()
        self.rfile.read(1)


class CdnHandler(Handler):
    is_cdn = True


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # clients that go away are what is being tested


def serve(handler, name):
    server = Server(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(DIRECTORY + "/" + name + ".new", "w") as file:
        file.write(str(server.server_port))
    os.rename(DIRECTORY + "/" + name + ".new", DIRECTORY + "/" + name)
    return server


cdn = serve(CdnHandler, "cdn-port")
registry = serve(Handler, "port")
threading.Event().wait()
