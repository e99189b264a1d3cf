"""The few commands of the Redis protocol that the guestbook needs."""
import os
import socket


class Redis:
    def __init__(self):
        host = os.environ.get("REDIS_HOST", "redis")
        with open(os.environ["REDIS_PASSWORD_FILE"]) as file:
            password = file.read().strip()
        self.socket = socket.create_connection((host, 6379), timeout=30)
        self.file = self.socket.makefile("rb")
        self.call("AUTH", password)

    def call(self, *words):
        data = [b"*%d\r\n" % len(words)]
        for word in words:
            word = word if isinstance(word, bytes) else str(word).encode()
            data.append(b"$%d\r\n%s\r\n" % (len(word), word))
        self.socket.sendall(b"".join(data))
        return self.reply()

    def reply(self):
        line = self.file.readline()
        if not line:
            raise ConnectionError("redis closed the connection")
        kind, rest = line[:1], line[1:-2]
        if kind == b"-":
            raise RuntimeError(rest.decode())
        if kind == b":":
            return int(rest)
        if kind == b"$":
            length = int(rest)
            return None if length < 0 else self.file.read(length + 2)[:-2]
        if kind == b"*":
            length = int(rest)
            return None if length < 0 else [self.reply() for _ in range(length)]
        return rest
