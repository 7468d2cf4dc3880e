"""Adapts generated requests to rules that the OpenAPI document cannot express, and serializes NDJSON."""

import hashlib
import json
import random
import re
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit, urlunsplit

import schemathesis

# The format of a cursor in a response. Cursors are signed, so a generated string is never a valid cursor.
ISSUED_CURSOR = re.compile(r"^[\w-]+\.[\w-]{16}$")
EARLIEST = datetime(1970, 1, 2, tzinfo=timezone.utc)
NDJSON = "application/x-ndjson"
MAX_KEY_LENGTH = 255
DIGEST_LENGTH = 24


def digest(*parts):
    """Returns a hash that identifies these parts."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:DIGEST_LENGTH]


def past_time(text):
    """Returns the time if it is between 1970 and now, and a recent time otherwise. MIR rejects all other times."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))
        if moment.tzinfo and EARLIEST <= moment <= datetime.now(timezone.utc):
            return text
    except ValueError:
        pass
    return (datetime.now(timezone.utc) - timedelta(days=40)).isoformat(timespec="milliseconds")


def key_for_content(key, *content):
    """Appends a content hash to an idempotency key, so that only requests with the same content share a key."""
    quoted = len(key) > 1 and key.endswith('"')
    start = key.rstrip('"')[: MAX_KEY_LENGTH - DIGEST_LENGTH - 2].rstrip("\\")
    return start + digest(*content) + ('"' if quoted else "")


def make_valid(event):
    """Returns the event with a time that MIR accepts and an idempotency key that depends on the content."""
    if isinstance(event.get("occurredAt"), str):
        event["occurredAt"] = past_time(event["occurredAt"])
    if isinstance(event.get("idempotencyKey"), str):
        rest = {name: value for name, value in event.items() if name != "idempotencyKey"}
        event["idempotencyKey"] = (event["idempotencyKey"][:200] + digest(rest))[:MAX_KEY_LENGTH]
    return event


def is_ndjson(text):
    """Returns whether a text is NDJSON with one object per line."""
    try:
        return all(isinstance(json.loads(line), dict) for line in text.splitlines() if line.strip()) and text.strip()
    except ValueError:
        return False


def ndjson_line(text):
    """Returns an event as one NDJSON line, with the text as its user ID. The schema allows any string as a body."""
    user = re.sub(r"[\x00-\x1f\x7f]", "", text)[:100] or "u-1"
    return json.dumps({"userExternalId": user, "eventType": "mir.review.posted"}) + "\n"


def with_registered_origin(url):
    """Moves a URL to an origin that the partner has registered. The schema cannot list registered origins."""
    parts = urlsplit(url)
    return urlunsplit(("https", "harbour.example", parts.path, parts.query, ""))


def header_of(case, name):
    return next((own for own in case.headers or {} if own.lower() == name.lower()), None)


def random_address():
    """Returns a random client address, because per-address throttles would otherwise reject most requests."""
    return ".".join(["10", *(str(random.randrange(256)) for _ in range(3))])


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Adds the NDJSON body, which the document describes only in prose, so that Schemathesis fuzzes this body too."""
    body = raw_schema["paths"]["/v1/events"]["post"]["requestBody"]
    example = re.search(r"```\n(.+)```", body["description"], re.DOTALL).group(1)
    body["content"][NDJSON] = {"schema": {"type": "string"}, "examples": {"lines": {"value": example}}}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Fixes requests that are meant to be valid: removes made-up cursors, and replaces future times and reused keys."""
    case.headers = {**(case.headers or {}), "X-Forwarded-For": random_address()}
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    for cursor in ("cursor", "after"):
        if case.query and isinstance(case.query.get(cursor), str) and not ISSUED_CURSOR.match(case.query[cursor]):
            case.query = {name: value for name, value in case.query.items() if name != cursor}
    if case.media_type == NDJSON and isinstance(case.body, str) and not is_ndjson(case.body):
        case.body = ndjson_line(case.body)
    body = case.body if isinstance(case.body, dict) else None
    is_events = case.method.upper() == "POST" and case.path == "/v1/events"
    if is_events and body is not None:
        if isinstance(body.get("events"), list):
            case.body = {**body, "events": [make_valid(dict(one)) for one in body["events"] if isinstance(one, dict)]}
        else:
            case.body = make_valid(dict(body))
    if body is not None and isinstance(body.get("returnUrl"), str):
        case.body = {**body, "returnUrl": with_registered_origin(body["returnUrl"])}
    key = header_of(case, "Idempotency-Key")
    if key is None:
        return
    if is_events and (body is None or "events" in body or "idempotencyKey" in body):
        # MIR rejects this header if the body is a batch or contains a different key.
        case.headers = {name: value for name, value in case.headers.items() if name != key}
        return
    content = (case.method, case.path, case.path_parameters, case.body)
    case.headers = {**case.headers, key: key_for_content(str(case.headers[key]), *content)}


@schemathesis.serializer(NDJSON)
def ndjson(context, value):
    """Sends text unchanged, and any other value (in a request that is meant to be invalid) as one line of JSON."""
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()
