#!/usr/bin/env python3
"""Pushes the images of an OCI layout (a tar as `berth save` writes) to a registry, for tests.

    push.py ARCHIVE http://HOST:PORT REPOSITORY TAG [USER:PASSWORD]
"""
import base64, hashlib, json, sys, tarfile, urllib.parse, urllib.request


def main(archive, base, repository, tag, auth=None):
    headers = {}
    if auth:
        headers["Authorization"] = "Basic " + base64.b64encode(auth.encode()).decode()

    def request(method, url, data=None, kind="application/octet-stream"):
        r = urllib.request.Request(urllib.parse.urljoin(base, url), data, method=method,
                                   headers={**headers, "Content-Type": kind})
        with urllib.request.urlopen(r) as answer:
            answer.read()
            return answer

    with tarfile.open(archive) as tar:
        def read(name):
            return tar.extractfile(name).read()

        def blob(digest):
            return read("blobs/sha256/" + digest.split(":")[1])

        index = json.loads(read("index.json"))
        entry = index["manifests"][0]
        manifest = json.loads(blob(entry["digest"]))
        for d in [manifest["config"]] + manifest["layers"]:
            place = request("POST", f"/v2/{repository}/blobs/uploads/", b"").headers["Location"]
            data = blob(d["digest"])
            assert hashlib.sha256(data).hexdigest() == d["digest"].split(":")[1]
            request("PUT", place + ("&" if "?" in place else "?") + "digest=" + d["digest"], data)
        request("PUT", f"/v2/{repository}/manifests/{tag}", blob(entry["digest"]), entry["mediaType"])
        print(entry["digest"])


main(*sys.argv[1:])
