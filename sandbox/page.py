"""The page at `/`: what is served, and how to use it."""

from collections.abc import Mapping

from exchanges.invented import Exchange


def page(host: str, exchanges: Mapping[str, Exchange], about: str) -> str:
    """Plain text for people."""
    lines = ["The sandbox: exchanges' own protocols over one invented market. No price here is real.", "", about, ""]
    for code, exchange in exchanges.items():
        lines += [f"{exchange.title}: http://{host}/{code} and ws://{host}/{code}, followed by its own paths, e.g."]
        lines += [f"  {'ws' if '/ws' in path else 'http'}://{host}/{code}{path}" for path in exchange.examples]
        lines += [""]
    lines += [
        "Faults:",
        f"  curl http://{host}/faults",
        f"""  curl -X POST http://{host}/faults -d '{{"fault": "disconnect"}}'""",
        f"  curl -X DELETE http://{host}/faults",
        "",
    ]
    return "\n".join(lines)
