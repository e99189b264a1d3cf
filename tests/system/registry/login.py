#!/usr/bin/env python3
"""Registries on loopback that want to know who asks, for tests.

    login.py DIRECTORY

writes DIRECTORY/basic-port and DIRECTORY/token-port once both listen: one wants user:secret for everything, the other a
token, which its /token gives for user:secret, and for id:secret together with the identity token "identity", which is
good for further tokens. With a DIRECTORY/key.pem and cert.pem a third, on DIRECTORY/tls-port, is as the first, with TLS.
DIRECTORY/log gets a line per request: METHOD PATH STATUS.
"""
import base64, http.server, json, os, ssl, sys, threading, urllib.parse

DIRECTORY = sys.argv[1]
lock = threading.Lock()


def basic(name):
    return "Basic " + base64.b64encode((name + ":secret").encode()).decode()


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def answer(self, status, body, **headers):
        with lock, open(DIRECTORY + "/log", "a") as log:
            print(self.command, self.path, status, file=log)
        data = json.dumps(body).encode()
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def refuse(self, challenge):
        error = {"errors": [{"code": "UNAUTHORIZED", "message": "who are you"}]}
        self.answer(401, error, **({"WWW_Authenticate": challenge} if challenge else {}))

    def do_POST(self):
        form = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        if urllib.parse.parse_qs(form).get("refresh_token") == ["identity"]:
            return self.answer(200, {"access_token": "good"})
        self.refuse(None)

    def do_GET(self):
        auth = self.headers.get("Authorization")
        if self.path.startswith("/token"):
            if auth == basic("id"):
                return self.answer(200, {"token": "good", "refresh_token": "identity"})
            return self.answer(200, {"token": "good"}) if auth == basic("user") else self.refuse(None)
        if auth != self.wanted():
            return self.refuse(self.challenge())
        if self.path.startswith("/v2/") and self.path.endswith("/tags/list?n=1000"):
            return self.answer(200, {"tags": []})
        self.answer(200 if self.path == "/v2/" else 404, {})


class Basic(Handler):
    def wanted(self):
        return basic("user")

    def challenge(self):
        return 'Basic realm="x"'


class Token(Handler):
    def wanted(self):
        return "Bearer good"

    def challenge(self):
        return 'Bearer realm="http://127.0.0.1:%d/token",service="tests"' % self.server.server_port


def serve(handler, name, tls=False):
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler)
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(DIRECTORY + "/cert.pem", DIRECTORY + "/key.pem")
        server.socket = context.wrap_socket(server.socket, server_side=True)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    with open(DIRECTORY + "/" + name + ".new", "w") as file:
        print(server.server_port, file=file)
    os.rename(DIRECTORY + "/" + name + ".new", DIRECTORY + "/" + name)


open(DIRECTORY + "/log", "w").close()
if os.path.exists(DIRECTORY + "/key.pem"):
    serve(Basic, "tls-port", True)
serve(Basic, "basic-port")
serve(Token, "token-port")
threading.Event().wait()
