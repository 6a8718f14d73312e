"""Django's settings, made from config/env.py."""

import sys
import warnings
from datetime import timedelta

from psycopg.conninfo import conninfo_to_dict

from config import env as environment
from exchanges.registry import cards

env = environment.load()

# --- of this installation -------------------------------------------------------------------------------------------
VENUES = "sandbox" if env.venues == "sandbox" else "live"
SANDBOX = VENUES == "sandbox"
SANDBOX_URL = env.sandbox_url if SANDBOX else None
EXCHANGES = env.exchanges
KEYS = {code: environment.exchange_keys(card.key_names) for code, card in cards().items() if card.key_names}
OPEN_READ = bool(env.open_read)
REDIS_URL = env.redis_url or "redis://127.0.0.1:6379/0"
KAFKA_BOOTSTRAP_SERVERS = env.kafka_bootstrap_servers
KAFKA_TOPICS = env.kafka_topics
KAFKA_PREFIX = env.kafka_prefix
KAFKA_COMPRESSION = env.kafka_compression
KAFKA_PARTITIONS = env.kafka_partitions
KAFKA_OPTIONS = env.kafka_options
STREAM_SLOTS = env.slots
HISTORY_EVENTS = env.history_events
HISTORY_MB = env.history_mb
REPAIR_S = env.repair_s
TAPE_MB = env.tape_mb
RECORDINGS_DIR = env.recordings_dir or env.var_dir / "recordings"
RECORDING_SEGMENT_MB = env.recording_segment_mb
RECORD_PINS = env.record_pins
RECORD_PINS_MB = env.record_pins_mb
OUTBOX_MB = env.outbox_mb
MOST_SUBSCRIPTIONS = env.most_subscriptions
MOST_USER_SUBSCRIPTIONS = env.most_user_subscriptions
MOST_REQUESTS_S = env.most_requests_s
MOST_CONNECTIONS = env.most_connections
MOST_MESSAGE_BYTES = env.most_message_bytes
MOST_SIGNALLED_TOPICS = env.most_signalled_topics
VAR_DIR = env.var_dir
# Where a program on this machine finds the web; `up` tells its port to other commands in the same folder.
WEB_URL = environment.web_url(env.host, env.port)

# --- Django -----------------------------------------------------------------------------------------------------------
DEBUG = env.debug
SECRET_KEY = environment.key("SECRET_KEY", env.secret_key, env.var_dir)
ALLOWED_HOSTS = list(env.allowed_hosts)
CSRF_TRUSTED_ORIGINS = list(env.csrf_trusted_origins)

INSTALLED_APPS = [
    # First, since its runserver replaces Django's; only there, since it costs every other process 0.7 s of imports.
    *(["daphne"] if sys.argv[1:2] == ["runserver"] else []),
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "channels",
    "rest_framework",
    "drf_spectacular",
    "drf_spectacular_sidecar",
    "django_celery_beat",
    "marketdata.apps.MarketdataConfig",
    "streams.apps.StreamsConfig",
    "recordings.apps.RecordingsConfig",
    "sandbox.apps.SandboxConfig",
    "config",
]
# `up` only starts other processes, and starts sooner without the applications.
if sys.argv[1:2] == ["up"]:
    INSTALLED_APPS = ["config"]

MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]

TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ]
        },
    }
]

ROOT_URLCONF = "config.urls"
ASGI_APPLICATION = "config.asgi.application"
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": f"django.contrib.auth.password_validation.{name}"}
    for name in ("UserAttributeSimilarityValidator", "MinimumLengthValidator", "CommonPasswordValidator")
]
LANGUAGE_CODE = "en-us"
TIME_ZONE = "UTC"
USE_TZ = True


def _database(url: str | None) -> dict:
    """Django's description of the database at the URL; what it does not know of goes to libpq as an option.

    Without a URL it is one that refuses at once, so that commands that need none run.
    """
    parts = conninfo_to_dict(url or "postgresql://marketdata@127.0.0.1:5432/marketdata")
    known = {django: parts.pop(libpq, "") for django, libpq in DATABASE_WORDS}
    # A pool with bounds of our own: the default of 4 starves threads, and a persistent connection dies with its thread.
    pool = {"pool": {"min_size": 1, "max_size": 10, "timeout": 10}}
    # A command runs once: without a pool it says at once, and why, if there is no database.
    options = parts if env.role in {"manage", "prepare"} else {**parts, **pool}
    return {"ENGINE": "django.db.backends.postgresql", **known, "CONN_MAX_AGE": 0, "OPTIONS": options}


DATABASE_WORDS = (("NAME", "dbname"), ("HOST", "host"), ("PORT", "port"), ("USER", "user"), ("PASSWORD", "password"))
DATABASES = {"default": _database(env.database_url)}

CHANNEL_LAYERS = {
    "default": {
        "BACKEND": "channels_redis.pubsub.RedisPubSubChannelLayer",
        # A Redis that hangs is waited for no longer than this; a quiet channel is read with a timeout of its own.
        "CONFIG": {"hosts": [{"address": REDIS_URL, "socket_timeout": 5, "socket_connect_timeout": 5}]},
    }
}

# --- REST -------------------------------------------------------------------------------------------------------------
REST_FRAMEWORK = {
    "DEFAULT_AUTHENTICATION_CLASSES": [
        # First: the next one refuses whatever in its header is no access token.
        "marketdata.authentication.KeyAuthentication",
        "rest_framework_simplejwt.authentication.JWTAuthentication",
        "rest_framework.authentication.SessionAuthentication",
    ],
    "DEFAULT_PERMISSION_CLASSES": ["marketdata.permissions.ReadOpen"],
    "DEFAULT_SCHEMA_CLASS": "drf_spectacular.openapi.AutoSchema",
    "TEST_REQUEST_DEFAULT_FORMAT": "json",
}
SIMPLE_JWT = {
    "SIGNING_KEY": environment.key("JWT_SIGNING_KEY", env.jwt_signing_key, env.var_dir),
    "ACCESS_TOKEN_LIFETIME": timedelta(minutes=15),
    "REFRESH_TOKEN_LIFETIME": timedelta(days=7),
    "UPDATE_LAST_LOGIN": False,
}
SPECTACULAR_SETTINGS = {
    "TITLE": "Market data platform",
    "DESCRIPTION": "One clean, exact, live and historical view of many market data sources.",
    "VERSION": "1.0.0",
    "OAS_VERSION": "3.1.1",
    "SERVE_INCLUDE_SCHEMA": False,
    # The API's own description is always open.
    "SERVE_PERMISSIONS": ["rest_framework.permissions.AllowAny"],
    "COMPONENT_SPLIT_REQUEST": True,
    # Several things have a state, each of its own words.
    "ENUM_NAME_OVERRIDES": {"RecordingState": "recordings.rows.STATES"},
    # From this server, not from a public one: the page works without the internet.
    "SWAGGER_UI_DIST": "SIDECAR",
    "SWAGGER_UI_FAVICON_HREF": "SIDECAR",
    "REDOC_DIST": "SIDECAR",
}

# --- static files, security, log ------------------------------------------------------------------------------------
STATIC_URL = "static/"
# From the packages themselves: neither development nor `up` needs a collectstatic.
WHITENOISE_USE_FINDERS = True
warnings.filterwarnings("ignore", "StreamingHttpResponse must consume synchronous iterators", Warning)

SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
X_FRAME_OPTIONS = "DENY"
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SAMESITE = CSRF_COOKIE_SAMESITE = "Lax"
# Secure cookies where the outside is https; on loopback they would never be sent.
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = any(origin.startswith("https://") for origin in CSRF_TRUSTED_ORIGINS)
SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https") if SESSION_COOKIE_SECURE else None

CLOCK_LOGGERS = ("celery.worker.strategy", "celery.worker.request", "celery.app.trace", "celery.beat")
_propagating = {"handlers": [], "propagate": True}
LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"()": "config.logs.LineFormatter", "role": env.role}},
    "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"level": env.log_level, "handlers": ["stderr"]},
    "loggers": {
        **dict.fromkeys(("django", "uvicorn", "celery"), _propagating),
        # A client's mistakes are answered, not logged.
        "django.request": {"level": "ERROR"},
        # Two lines for each connection, with its path and what may stand in it.
        **dict.fromkeys(("uvicorn.error", "uvicorn.access"), {"level": "WARNING", **_propagating}),
        # One line per request of these two is noise beside the market's own events.
        "httpx": {"level": "WARNING"},
        "httpcore": {"level": "WARNING"},
        # A trace a second while Redis is away, which streams/hearing.py says in one line.
        "channels_redis.pubsub": {"level": "CRITICAL"},
        # So are the clocks' ticks.
        **dict.fromkeys(CLOCK_LOGGERS, {"level": "WARNING"}),
        "django.server": {"level": "WARNING", **_propagating},
    },
}
