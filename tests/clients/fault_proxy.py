"""An HTTP proxy that fails on purpose: fault_proxy.py UPSTREAM_HOST:PORT.

The first POST is answered 500 and not passed on, the second 429 with Retry-After, and the third is passed on but its
answer is lost, so that the sender repeats what has arrived. Everything after that goes through. Prints
`listening on PORT`; `GET /_faults` tells which answers were given to POSTs so far (0 is a lost one).
"""

import http.client
import json
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

UPSTREAM = sys.argv[1]
FAULTS = [500, 429, 0]
given: list[int] = []
lock = threading.Lock()


class Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        if self.path == "/_faults":
            self.reply(200, json.dumps(given).encode())
        else:
            self.reply(*self.forward(b""))

    def do_POST(self):
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        with lock:
            fault = FAULTS.pop(0) if FAULTS else None
        if fault is None or fault == 0:
            status, answer = self.forward(body)
        else:
            status, answer = fault, b""
        with lock:
            given.append(0 if fault == 0 else status)
        if fault == 0:
            self.close_connection = True
            self.connection.close()
        else:
            self.reply(status, answer)

    def forward(self, body: bytes) -> tuple[int, bytes]:
        hop_by_hop = ("host", "connection", "content-length", "transfer-encoding")
        headers = {name: value for name, value in self.headers.items() if name.lower() not in hop_by_hop}
        connection = http.client.HTTPConnection(UPSTREAM, timeout=30)
        connection.request(self.command, self.path, body, headers)
        answer = connection.getresponse()
        content = answer.read()
        connection.close()
        return answer.status, content

    def reply(self, status: int, body: bytes):
        self.send_response(status)
        if status == 429:
            self.send_header("retry-after", "1")
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_arguments):
        pass


if __name__ == "__main__":
    server = ThreadingHTTPServer(("127.0.0.1", 0), Proxy)
    print(f"listening on {server.server_port}", flush=True)
    server.serve_forever()
