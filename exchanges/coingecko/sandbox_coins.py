"""The coins as CoinGecko names them, from its side: the invented markets against USDT, priced in US dollars."""

from collections.abc import Iterable

from exchanges.symbols import Instrument

PRICED_IN = "USDT"  # one of these is one dollar here
IDS = {
    "BTC": "bitcoin", "ETH": "ethereum", "BNB": "binancecoin", "SOL": "solana", "XRP": "ripple", "DOGE": "dogecoin",
    "ADA": "cardano", "TRX": "tron", "AVAX": "avalanche-2", "LINK": "chainlink", "DOT": "polkadot", "LTC": "litecoin",
    "BCH": "bitcoin-cash", "NEAR": "near", "UNI": "uniswap", "ATOM": "cosmos", "ETC": "ethereum-classic",
    "FIL": "filecoin", "APT": "aptos", "ARB": "arbitrum", "OP": "optimism", "1000SATS": "1000sats-ordinals",
}  # fmt: skip


class Coins:
    """Invented symbols by coin id, the largest first."""

    def __init__(self, instruments: Iterable[Instrument]) -> None:
        self.by_id = {
            IDS.get(instrument.base, instrument.base.lower()): instrument
            for instrument in instruments
            if instrument.quote == PRICED_IN
        }
