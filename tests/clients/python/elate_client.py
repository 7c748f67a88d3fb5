"""What the Python tests share: the address and the keys that the driver passes on, and stubs of the generated code.

The generated modules lie in ELATE_GENERATED, made by grpcio-tools from proto/ just before the run.
"""

import os
import sys
import time
import uuid

import grpc

sys.path.insert(0, os.environ["ELATE_GENERATED"])

from elate.common.v1 import common_pb2  # noqa: E402
from elate.events.v1 import events_pb2, events_pb2_grpc, record_pb2  # noqa: E402

__all__ = ["ADDRESS", "API_KEY", "WRITE_KEY", "bearer", "channel", "events_pb2", "names_on_timeline", "stub", "track", "unique"]

ADDRESS = os.environ["ELATE_ADDRESS"]
API_KEY = os.environ["ELATE_API_KEY"]
WRITE_KEY = os.environ["ELATE_WRITE_KEY"]


def channel() -> grpc.Channel:
    return grpc.insecure_channel(ADDRESS)


def bearer(key: str) -> list[tuple[str, str]]:
    """The credential as call metadata."""
    return [("authorization", f"Bearer {key}")]


def stub(name: str, open_channel: grpc.Channel):
    return getattr(events_pb2_grpc, f"{name}Stub")(open_channel)


def unique(stem: str) -> str:
    return f"{stem}-{uuid.uuid4()}"


def track(user: str, name: str, message_id: str, properties: bytes = b"{}") -> "events_pb2.IngestMessage":
    return events_pb2.IngestMessage(
        type=record_pb2.EVENT_TYPE_TRACK, user_id=user, name=name, message_id=message_id, properties=properties
    )


def names_on_timeline(open_channel: grpc.Channel, user: str, page_size: int = 3) -> list[str]:
    """The names of all events of a user that came from outside, oldest first, by way of small pages."""
    found, token = [], ""
    while True:
        answer = stub("CustomerService", open_channel).ListTimeline(
            events_pb2.ListTimelineRequest(
                customer=common_pb2.CustomerRef(user_id=user),
                page=common_pb2.PageRequest(page_size=page_size, page_token=token),
                oldest_first=True,
            ),
            metadata=bearer(API_KEY),
            timeout=10,
        )
        found += [entry.record.name for entry in answer.entries if entry.record.type != record_pb2.EVENT_TYPE_SYSTEM]
        token = answer.page.next_page_token
        if not token:
            return found


def eventually(within_seconds: float, look):
    """The value of `look` as soon as it is true."""
    deadline = time.monotonic() + within_seconds
    while True:
        value = look()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f"not within {within_seconds} s; last answer: {value!r}")
        time.sleep(0.05)
