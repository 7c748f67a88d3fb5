"""Starts elate-events on a fresh database, makes keys, runs a command against it, and stops it: serve.py COMMAND…

The command gets ELATE_ADDRESS, ELATE_API_KEY and ELATE_WRITE_KEY. Where scripts/services.sh provides PostgreSQL and
Redis, the server runs on them; else it runs on SQLite in a temporary folder.
"""

import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import uuid

import grpc

ROOT = pathlib.Path(__file__).resolve().parents[2]
BINARY = pathlib.Path(os.environ.get("CARGO_TARGET_DIR", ROOT / "target")) / "debug/elate-events"


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


def stores(folder: str) -> dict[str, str]:
    """Where the server keeps its data, as settings."""
    postgres = os.environ.get("ELATE_TEST_POSTGRES_URL")
    if not postgres:
        return {"ELATE_DATABASE__URL": f"sqlite:{folder}/events.sqlite"}
    name = f"clients_{uuid.uuid4().hex}"
    psql = pathlib.Path(os.environ["ELATE_TEST_PG_BIN"]) / "psql"
    subprocess.run([psql, postgres, "--quiet", "--command", f"CREATE DATABASE {name}"], check=True)
    return {
        "ELATE_DATABASE__URL": postgres.rsplit("/", 1)[0] + f"/{name}",
        "ELATE_REDIS__URL": os.environ["ELATE_TEST_REDIS_URL"],
    }


def start(environment: dict[str, str], log: pathlib.Path) -> subprocess.Popen:
    return subprocess.Popen([BINARY, "serve"], env=environment, stdout=log.open("w"), stderr=subprocess.STDOUT)


def bootstrap_key(server: subprocess.Popen, key_file: pathlib.Path, log: pathlib.Path) -> str:
    """The first start writes the key of the first workspace's admin to a file."""
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and server.poll() is None:
        if key_file.exists() and (key := key_file.read_text().strip()):
            return key
        time.sleep(0.05)
    raise SystemExit(f"elate-events wrote no key:\n{log.read_text()}")


def writer_key(address: str, admin: str) -> str:
    """Makes a key that may only write, by way of the generated client."""
    sys.path.insert(0, os.environ["ELATE_GENERATED"])
    from elate.events.v1 import events_pb2, events_pb2_grpc

    with grpc.insecure_channel(address) as channel:
        answer = events_pb2_grpc.AdminServiceStub(channel).CreateKey(
            events_pb2.CreateKeyRequest(request_id=str(uuid.uuid4()), name="clients", role=events_pb2.ROLE_WRITER),
            metadata=[("authorization", f"Bearer {admin}")],
            wait_for_ready=True,
            timeout=30,
        )
    return answer.secret


def main(command: list[str]) -> int:
    if not BINARY.exists():
        raise SystemExit(f"{BINARY} is not built; run: cargo build --workspace --bins")
    with tempfile.TemporaryDirectory(prefix="elate-clients-") as folder:
        key_file = pathlib.Path(folder) / "admin.key"
        address = f"127.0.0.1:{free_port()}"
        environment = {
            **os.environ,
            **stores(folder),
            "ELATE_LISTEN": address,
            "ELATE_ADMIN_LISTEN": f"127.0.0.1:{free_port()}",
            "ELATE_BOOTSTRAP__KEY_FILE": str(key_file),
        }
        subprocess.run([BINARY, "migrate"], env=environment, check=True, stdout=subprocess.DEVNULL)
        log = pathlib.Path(folder) / "server.log"
        server = start(environment, log)
        try:
            admin = bootstrap_key(server, key_file, log)
            keys = {"ELATE_ADDRESS": address, "ELATE_API_KEY": admin, "ELATE_WRITE_KEY": writer_key(address, admin)}
            status = subprocess.run(command, env={**os.environ, **keys}, check=False).returncode
        finally:
            server.terminate()
            try:
                stopped = server.wait(timeout=60)
            except subprocess.TimeoutExpired:
                server.kill()
                stopped = server.wait()
        if status != 0 or stopped != 0:
            print(f"the server ended with {stopped}; its last lines:", file=sys.stderr)
            print("\n".join(log.read_text().splitlines()[-30:]), file=sys.stderr)
        return status or stopped


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
