"""What the OpenAPI document cannot say of a valid request, and how NDJSON is sent."""

import hashlib
import json
import random
import re
from datetime import datetime, timedelta, timezone
from urllib.parse import urlsplit, urlunsplit

import schemathesis

# `nextCursor` of an earlier answer: signed, so that no text made up here is one.
GIVEN_OUT = re.compile(r"^[\w-]+\.[\w-]{16}$")
EARLIEST = datetime(1970, 1, 2, tzinfo=timezone.utc)
NDJSON = "application/x-ndjson"
MAX_KEY_LENGTH = 255
DIGEST_LENGTH = 24


def digest(*parts):
    """A name of a content: the same for the same, another for another."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:DIGEST_LENGTH]


def in_the_past(text):
    """A time that MIR can know of: after 1970, and no later than now. Others are refused, whatever their form."""
    try:
        moment = datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))
        if moment.tzinfo and EARLIEST <= moment <= datetime.now(timezone.utc):
            return text
    except ValueError:
        pass
    return (datetime.now(timezone.utc) - timedelta(days=40)).isoformat(timespec="milliseconds")


def named_by_content(key, *content):
    """One idempotency key never stands for two contents; the same content keeps its key, as repeats do."""
    quoted = len(key) > 1 and key.endswith('"')
    start = key.rstrip('"')[: MAX_KEY_LENGTH - DIGEST_LENGTH - 2].rstrip("\\")
    return start + digest(*content) + ('"' if quoted else "")


def possible(event):
    """The event, no later than now and with a key of its own content."""
    if isinstance(event.get("occurredAt"), str):
        event["occurredAt"] = in_the_past(event["occurredAt"])
    if isinstance(event.get("idempotencyKey"), str):
        rest = {name: value for name, value in event.items() if name != "idempotencyKey"}
        event["idempotencyKey"] = (event["idempotencyKey"][:200] + digest(rest))[:MAX_KEY_LENGTH]
    return event


def is_lines(text):
    """Whether a text is what the media type promises: JSON values, one a line."""
    try:
        return all(isinstance(json.loads(line), dict) for line in text.splitlines() if line.strip()) and text.strip()
    except ValueError:
        return False


def line_about(text):
    """A drawn text as the user of an event: what the schema (a text) allows is more than lines of JSON."""
    user = re.sub(r"[\x00-\x1f\x7f]", "", text)[:100] or "u-1"
    return json.dumps({"userExternalId": user, "eventType": "mir.review.posted"}) + "\n"


def of_registered_origin(url):
    """The same path at an origin that the partner has registered: which ones those are no schema tells."""
    parts = urlsplit(url)
    return urlunsplit(("https", "harbour.example", parts.path, parts.query, ""))


def header_of(case, name):
    return next((own for own in case.headers or {} if own.lower() == name.lower()), None)


def from_anywhere():
    """An address of its own for a call: what is throttled by address would else answer 429 to all of them."""
    return ".".join(["10", *(str(random.randrange(256)) for _ in range(3))])


@schemathesis.hook
def before_load_schema(context, raw_schema):
    """Adds the lines of JSON that the document describes in words, so that they are fuzzed, too."""
    body = raw_schema["paths"]["/v1/events"]["post"]["requestBody"]
    example = re.search(r"```\n(.+)```", body["description"], re.DOTALL).group(1)
    body["content"][NDJSON] = {"schema": {"type": "string"}, "examples": {"lines": {"value": example}}}


@schemathesis.hook
def before_call(context, case, kwargs):
    """Keeps what is meant to be valid from being impossible: foreign cursors, future times, reused keys."""
    case.headers = {**(case.headers or {}), "X-Forwarded-For": from_anywhere()}
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    if case.query and isinstance(case.query.get("cursor"), str) and not GIVEN_OUT.match(case.query["cursor"]):
        case.query = {name: value for name, value in case.query.items() if name != "cursor"}
    if case.media_type == NDJSON and isinstance(case.body, str) and not is_lines(case.body):
        case.body = line_about(case.body)
    body = case.body if isinstance(case.body, dict) else None
    is_events = case.method.upper() == "POST" and case.path == "/v1/events"
    if is_events and body is not None:
        if isinstance(body.get("events"), list):
            case.body = {**body, "events": [possible(dict(one)) for one in body["events"] if isinstance(one, dict)]}
        else:
            case.body = possible(dict(body))
    if body is not None and isinstance(body.get("returnUrl"), str):
        case.body = {**body, "returnUrl": of_registered_origin(body["returnUrl"])}
    key = header_of(case, "Idempotency-Key")
    if key is None:
        return
    if is_events and (body is None or "events" in body or "idempotencyKey" in body):
        # A batch has a key per item; one event takes it from the header or from its own field.
        case.headers = {name: value for name, value in case.headers.items() if name != key}
        return
    content = (case.method, case.path, case.path_parameters, case.body)
    case.headers = {**case.headers, key: named_by_content(str(case.headers[key]), *content)}


@schemathesis.serializer(NDJSON)
def ndjson(context, value):
    """Lines as they are; anything else (of a request meant to be wrong) as one line of JSON."""
    if isinstance(value, bytes):
        return value
    return value.encode() if isinstance(value, str) else json.dumps(value).encode()
