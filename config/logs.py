"""How a log record is written: one line with time, level, process role and logger."""

import logging
import time

from marketdata.api_keys import hidden


class LineFormatter(logging.Formatter):
    """`2026-01-02T03:04:05.678Z INFO web streams.fanout: text`; a traceback follows on the same line, escaped.

    No API key gets into it, whoever repeats what came.
    """

    converter = time.gmtime

    def __init__(self, role: str) -> None:
        line = f"%(asctime)s.%(msecs)03dZ %(levelname)s {role} %(name)s: %(message)s"
        super().__init__(line, "%Y-%m-%dT%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        return hidden(super().format(record)).replace("\n", "\\n")
