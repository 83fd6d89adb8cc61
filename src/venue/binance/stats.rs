//! Hot: what the decoder counts.

crate::code_enum! {
    /// Messages that are known, valid, and become no input.
    pub enum Ignored {
        /// Answer to a control message: `{"result":…,"id":…}`.
        Control = 0, "control";
        /// Refusal of a request: `{"code":…,"msg":…}` or `{"error":{…}}`.
        Refusal = 1, "refusal";
        /// `serverShutdown`: the connection will close soon; books stay valid until it does.
        ServerShutdown = 2, "server_shutdown";
        /// `24hrTicker` and the rolling windows `1hTicker`, `4hTicker`, `1dTicker`.
        Ticker = 3, "ticker";
        /// `24hrMiniTicker`.
        MiniTicker = 4, "mini_ticker";
        /// `avgPrice`.
        AvgPrice = 5, "avg_price";
        /// `referencePrice`.
        ReferencePrice = 6, "reference_price";
        /// `blockTrade`: off-book, so no part of volume or last price.
        BlockTrade = 7, "block_trade";
        /// `forceOrder`: a liquidation, which the trade stream shows too.
        ForceOrder = 8, "force_order";
        /// `contractInfo`.
        ContractInfo = 9, "contract_info";
        /// Index prices and bars that are not those of an instrument's own trades: `indexPriceUpdate`,
        /// `compositeIndex`, `assetIndexUpdate`, `continuous_kline`, `indexPrice_kline`, `markPrice_kline`.
        Index = 10, "index";
        /// An array of events of known types (`!ticker@arr`, `!markPrice@arr`, …).
        Array = 11, "array";
        /// A depth difference of a stream `…@rpiDepth…`, whose quantities are not those of the order book.
        RpiDepth = 12, "rpi_depth";
        /// A trade of quantity zero (futures send such with `"X":"NA"`).
        EmptyTrade = 13, "empty_trade";
    }
}

impl Ignored {
    /// The kind of an event type (`e`) that we know and do not use.
    pub(super) fn of_event(name: &str) -> Option<Self> {
        Some(match name {
            "serverShutdown" => Self::ServerShutdown,
            "24hrTicker" | "1hTicker" | "4hTicker" | "1dTicker" => Self::Ticker,
            "24hrMiniTicker" => Self::MiniTicker,
            "avgPrice" => Self::AvgPrice,
            "referencePrice" => Self::ReferencePrice,
            "blockTrade" => Self::BlockTrade,
            "forceOrder" => Self::ForceOrder,
            "contractInfo" => Self::ContractInfo,
            "indexPriceUpdate" | "compositeIndex" | "assetIndexUpdate" | "continuous_kline" | "indexPrice_kline"
            | "markPrice_kline" => Self::Index,
            _ => return None,
        })
    }
}

/// Counts since the decoder was made.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DecodeStats {
    /// Frames that the fast path read.
    pub fast: u64,
    /// Frames that the general parser read, since the fast path met something that it did not expect.
    pub fallback: u64,
    /// Frames that were refused with an error.
    pub errors: u64,
    /// Instruments defined and scales refined from what was seen.
    pub definitions: u64,
    /// Frames (of the above `fast` and `fallback`) that became no input, by [`Ignored`] code.
    pub ignored: [u64; Ignored::ALL.len()],
}

impl DecodeStats {
    /// How many frames of this kind became no input.
    pub const fn ignored(&self, kind: Ignored) -> u64 {
        self.ignored[kind as usize]
    }
}
