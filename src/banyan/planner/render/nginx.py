"""nginx: TLS, paths to the processes that answer them, sockets that come back to their place, limits, compression."""

from collections.abc import Mapping, Sequence

from banyan.planner.deployment import Deployment, Host, Part
from banyan.planner.plan import Setting

# Paths by the service that answers them, for installations that run services apart (`banyan serve --target people`).
# What is not named goes to the processes of the API.
SERVICE_PATHS: Mapping[str, tuple[str, ...]] = {
    "accounts": (
        "/v1/accounts",
        "/v1/auth",
        "/v1/invites",
        "/v1/api-keys",
        "/v1/setup",
        "/v1/realtime",
        "/v1/me/exports",
        "/v1/me/deletion",
        "/.well-known/jwks.json",
    ),
    "people": (
        "/v1/me",
        "/v1/people",
        "/v1/connections",
        "/v1/blocks",
        "/v1/lists",
        "/v1/mutes",
        "/v1/presence",
        "/v1/suggestions",
    ),
    "posts": ("/v1/posts", "/v1/comments", "/v1/feed", "/v1/saved", "/v1/tags", "/v1/community"),
    "messaging": ("/v1/conversations", "/v1/messages"),
    "notifications": ("/v1/notifications", "/v1/push"),
    "sync": ("/v1/sync",),
    "admin": ("/v1/admin",),
    "webhooks": ("/v1/admin/webhooks", "/v1/admin/webhook-signals"),
}
_SERVICE_PATTERNS: Mapping[str, tuple[str, ...]] = {"posts": ("^/v1/people/[^/]+/posts$",)}
_TYPES = "application/json application/problem+json application/javascript text/css text/plain image/svg+xml"

_TOP = """\
user www-data;
worker_processes {worker_processes};
worker_rlimit_nofile {worker_rlimit_nofile};
worker_shutdown_timeout 60s;
pid /run/nginx.pid;
error_log /var/log/nginx/error.log warn;

events {{
    worker_connections {worker_connections};
    multi_accept on;
}}

http {{
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    server_tokens off;
    sendfile on;
    tcp_nopush on;
    keepalive_timeout 65s;
    # Neither query strings nor bodies are logged: they may hold tokens.
    log_format banyan '$remote_addr $time_iso8601 $request_method $uri $status $body_bytes_sent '
                      '$request_time $upstream_addr $upstream_response_time $http_x_request_id';
    access_log /var/log/nginx/access.log banyan buffer=64k flush=5s;

    gzip on;
    gzip_vary on;
    gzip_proxied any;
    gzip_comp_level 5;
    gzip_min_length {gzip_min_length};
    gzip_types {types};

    limit_req_zone {limit_req_zone};
    limit_conn_zone $binary_remote_addr zone=address_connections:10m;
    limit_req_status 429;
    limit_conn_status 429;

    # An upgrade is passed on, any other connection to Banyan is kept.
    map $http_upgrade $connection_upgrade {{
        default upgrade;
        '' '';
    }}
"""

_SERVER = """
    server {{
        listen 80;
        listen [::]:80;
        server_name {domain};
        location /.well-known/acme-challenge/ {{
            {challenge};
        }}
        location / {{
            return 301 https://$host$request_uri;
        }}
    }}

    server {{
        listen 443 ssl http2;
        listen [::]:443 ssl http2;
        server_name {domain};
        ssl_certificate /etc/letsencrypt/live/{domain}/fullchain.pem;
        ssl_certificate_key /etc/letsencrypt/live/{domain}/privkey.pem;
        ssl_protocols TLSv1.2 TLSv1.3;
        ssl_ciphers ECDHE+AESGCM:ECDHE+CHACHA20;
        ssl_prefer_server_ciphers off;
        ssl_session_cache shared:tls:10m;
        ssl_session_timeout 1d;
        ssl_session_tickets off;

        client_max_body_size {client_max_body_size};
        client_body_buffer_size 128k;
        client_header_timeout 20s;
        client_body_timeout 30s;
        limit_conn {limit_conn};

        proxy_http_version 1.1;
        proxy_set_header Host $host;
        proxy_set_header Connection $connection_upgrade;
        proxy_set_header Upgrade $http_upgrade;
        # Only the address that nginx itself saw: what a client sends in this header is dropped.
        proxy_set_header X-Forwarded-For $remote_addr;
        proxy_set_header X-Forwarded-Proto $scheme;
        proxy_connect_timeout 3s;
        proxy_send_timeout 30s;
        proxy_read_timeout 30s;
        # A process that is gone or stops is passed over; what may not be repeated is not sent twice.
        proxy_next_upstream error timeout;
        proxy_next_upstream_tries 2;

        location = /metrics {{
            return 404;
        }}
        location = /healthz {{
            access_log off;
            proxy_pass http://{front};
        }}
        location = /readyz {{
            access_log off;
            proxy_pass http://{front};
        }}
"""

_SOCKETS = """\
        location = /v1/socket {{
            limit_req {limit_req};
            proxy_pass http://{upstream};
            proxy_buffering off;
            proxy_read_timeout {proxy_read_timeout};
            proxy_send_timeout {proxy_read_timeout};
        }}
"""


def nginx_conf(deployment: Deployment, host: Host, settings: Sequence[Setting]) -> str:
    """A whole nginx.conf for the host with the balancer."""
    values = {setting.name: setting.value for setting in settings}
    groups = _listening(deployment)
    front = next(name for name in ("api", "all", *groups) if name in groups)
    sockets = next((name for name in ("realtime", "all") if name in groups), front)
    parts = [f"# nginx.conf of {host.name}, phase {deployment.phase} of {deployment.title}. "]
    parts[0] += "Made by `banyan plan render`.\n"
    parts.append(_TOP.format(types=_TYPES, **values))
    for name, servers in groups.items():
        parts.append(_upstream(name, [_server(host, other, port) for other, port in servers], values["keepalive"]))
    if sockets != "realtime":
        # The same processes answer both, but sockets want to come back to where they were.
        named = [_server(host, other, port) for other, port in groups[sockets]]
        parts.append(_upstream("realtime", named, values["keepalive"]))
    challenge = _challenge(deployment, host)
    parts.append(_SERVER.format(domain=deployment.domain, front=front, challenge=challenge, **values))
    parts.append(_SOCKETS.format(upstream="realtime", **values))
    parts += _services(groups, values["limit_req"])
    parts.append(_location("location /", front, values["limit_req"]) + "    }\n}\n")
    return "".join(parts)


def _challenge(deployment: Deployment, host: Host) -> str:
    """Who asks for a certificate: the first balancer, whichever of them is asked to prove it."""
    first = deployment.host_of(Part.BALANCER)
    # Debian's nginx serves this directory before it has this file: the first certificate comes the same way.
    return "root /var/www/html" if host is first else f"proxy_pass http://{first.address}"


def _listening(deployment: Deployment) -> dict[str, list[tuple[Host, int]]]:
    groups: dict[str, list[tuple[Host, int]]] = {}
    for host in deployment.hosts:
        for process in host.processes:
            for port in process.ports if process.serves_people else ():
                groups.setdefault(process.name, []).append((host, port))
    return groups


def _server(balancer: Host, host: Host, port: int) -> str:
    return f"{'127.0.0.1' if host is balancer else host.address}:{port}"


def _upstream(name: str, servers: list[str], keepalive: str) -> str:
    # Who comes back from the same device finds the same process, warm; a campus behind one address is spread. Nothing
    # depends on it: a socket that lands elsewhere goes on where it was.
    rule = 'hash "$remote_addr$http_user_agent" consistent' if name == "realtime" else "least_conn"
    lines = [f"        server {server} max_fails=2 fail_timeout=5s;" for server in servers]
    return "\n".join(
        ["", f"    upstream {name} {{", f"        {rule};", *lines, f"        keepalive {keepalive};", "    }\n"]
    )


def _location(match: str, upstream: str, limit: str) -> str:
    return (
        f"        {match} {{\n            limit_req {limit};\n            proxy_pass http://{upstream};\n        }}\n"
    )


def _services(groups: Mapping[str, object], limit: str) -> list[str]:
    """The paths of services that have processes of their own; nginx takes the longest prefix that fits.

    Each path stands twice: /v1/me alone would be a prefix of /v1/messages too.
    """
    found = []
    for service in groups:
        if service in SERVICE_PATHS:
            for path in SERVICE_PATHS[service]:
                found.append(_location(f"location = {path}", service, limit))
                found.append(_location(f"location {path}/", service, limit))
            found += [
                _location(f"location ~ {pattern}", service, limit) for pattern in _SERVICE_PATTERNS.get(service, ())
            ]
    return found
