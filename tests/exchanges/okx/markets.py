"""Markets of each kind, as the exchange lists them."""

from exchanges.symbols import Instrument, Instruments


def spot(base: str = "BTC", quote: str = "USDT") -> Instrument:
    return Instrument(symbol=f"{base}-{quote}", venue_symbol=f"{base}-{quote}", base=base, quote=quote, kind="spot")


SPOT = spot()
LINEAR = Instrument(
    symbol="BTC-USDT-PERP", venue_symbol="BTC-USDT-SWAP", base="BTC", quote="USDT", kind="perpetual", settle="USDT",
    contract_size="0.01",
)  # fmt: skip
INVERSE = Instrument(
    symbol="BTC-USD-PERP_BTC", venue_symbol="BTC-USD-SWAP", base="BTC", quote="USD", kind="perpetual", settle="BTC",
    contract_size="100",
)  # fmt: skip
OPTION = Instrument(
    symbol="BTC-USD-20241217-92000-C_BTC", venue_symbol="BTC-USD-241217-92000-C", base="BTC", quote="USD",
    kind="option", settle="BTC", contract_size="0.01", strike="92000", option_type="call",
)  # fmt: skip


def all_kinds() -> Instruments:
    return Instruments((SPOT, LINEAR, INVERSE, OPTION))
