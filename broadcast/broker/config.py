"""What Loa's own Mosquitto is told (pure).

Rules
- Everybody shows a certificate of Loa's CA; its name is the user name and the client id, so that nobody can take
  another's session.
- A receiver reads the zones' documents and its own; it writes its own state, reports and beats, nothing else. Only
  `centre` writes what receivers obey, and `centre-urgent` what is in force now; the CA gives these names to nobody
  else.
- Every path is relative to the folder in which the broker runs: it need not be able to walk there.
"""

from broadcast.trustroot.authority import CENTRE, URGENT
from broadcast.wire import topics
from broadcast.wire.documents import MAX_DOCUMENT_BYTES

CONFIG_FILE = "mosquitto.conf"
ACL_FILE = "acl"
CA_FILE = "ca.crt"
SERVER_FILE = "server.pem"
CRL_FILE = "revoked.pem"
STATE_FOLDER = "state"
STATE_FILE = "retained.db"

MAX_PACKET_BYTES = MAX_DOCUMENT_BYTES + 64 * 1024
"""A larger one ends the connection of whoever sends it, unread."""
QUEUED_MESSAGES = 100_000
"""After a restart the states of all receivers wait here for the centre at once."""
QUEUED_BYTES = 256 * 1024 * 1024

RECEIVER_READS = (
    topics.programme("+"),
    topics.now("+"),
    topics.bank("+"),
    topics.settings("%u"),
    topics.ack("%u"),
    topics.time("%u"),
)
RECEIVER_WRITES = (topics.state("%u"), topics.reports("%u"), topics.beat("%u"))


def acl() -> str:
    """Who may read and write which topics."""
    lines = [f"user {CENTRE}", f"topic readwrite {topics.PREFIX}/#", ""]
    lines += [f"user {URGENT}", f"topic write {topics.now('+')}", f"topic write {topics.MARK}", ""]
    lines += [f"pattern read {topic}" for topic in RECEIVER_READS]
    lines += [f"pattern write {topic}" for topic in RECEIVER_WRITES]
    return "\n".join(lines) + "\n"


def config(bind: str, port: int) -> str:
    """The broker's configuration for a TLS listener at `bind`:`port`."""
    return f"""\
per_listener_settings false
acl_file {ACL_FILE}
allow_anonymous false

persistence true
persistence_location {STATE_FOLDER}/
persistence_file {STATE_FILE}
autosave_interval 60
persistent_client_expiration 1d

max_packet_size {MAX_PACKET_BYTES}
max_queued_messages {QUEUED_MESSAGES}
max_queued_bytes {QUEUED_BYTES}
max_inflight_messages 200
max_keepalive 600
set_tcp_nodelay true
sys_interval 0

log_dest stderr
log_timestamp false
log_type error
log_type warning
log_type notice
log_type information

listener {port} {bind}
cafile {CA_FILE}
certfile {SERVER_FILE}
keyfile {SERVER_FILE}
crlfile {CRL_FILE}
require_certificate true
use_identity_as_username true
use_username_as_clientid true
tls_version tlsv1.2
"""
