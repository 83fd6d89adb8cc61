//! Hot: what is traded. A definition reaches every stage as an input, so a journal explains itself.

use super::ids::InstrumentId;
use super::price::{Px, Qty};
use arrayvec::ArrayString;

/// Room for a symbol, e.g. `BTCUSD_PERP` or `SPCX.PVT`; the venue's own spelling.
pub type Symbol = ArrayString<32>;

crate::code_enum! {
    /// The kind of venue, which decides how its feed is read, its book synchronised and its contracts valued.
    pub enum VenueKind {
        /// Binance spot.
        BinanceSpot = 1, "BINANCE";
        /// Binance USD-M futures (linear).
        BinanceUsdm = 2, "BINANCE_USDM";
        /// Binance COIN-M futures (inverse).
        BinanceCoinm = 3, "BINANCE_COINM";
        /// NASDAQ, by TotalView-ITCH 5.0.
        Nasdaq = 4, "NASDAQ";
        /// NASDAQ, by LOBSTER message files.
        Lobster = 5, "LOBSTER";
        /// The simulated venue with its generated market.
        Simulated = 6, "SIM";
    }
}

crate::code_enum! {
    /// How profit follows from price.
    pub enum Contract {
        /// Value = price × quantity × multiplier, in the quote currency.
        Linear = 1, "linear";
        /// Value = quantity × multiplier ÷ price, in the base currency (COIN-M).
        Inverse = 2, "inverse";
    }
}

crate::code_enum! {
    /// When it trades; decides which bars are expected.
    pub enum Calendar {
        /// Always, UTC bars.
        Crypto = 1, "crypto";
        /// United States equities, core session 09:30 to 16:00 in New York.
        UsEquities = 2, "us_equities";
    }
}

/// One instrument, as it is known now. A later definition of the same id may only make the scales finer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instrument {
    /// Dense index.
    pub id: InstrumentId,
    /// The venue's symbol.
    pub symbol: Symbol,
    /// Where it trades.
    pub venue: VenueKind,
    /// How it is valued.
    pub contract: Contract,
    /// When it trades.
    pub calendar: Calendar,
    /// Prices are in units of 10^-this. 0..=18.
    pub price_decimals: u8,
    /// Quantities are in units of 10^-this. 0..=18.
    pub qty_decimals: u8,
    /// Decimals that the venue writes in prices; only for showing.
    pub price_shown: u8,
    /// Decimals that the venue writes in quantities; only for showing.
    pub qty_shown: u8,
    /// Smallest price step, in price units; at least 1.
    pub tick_size: Px,
    /// Smallest quantity step, in quantity units; at least 1.
    pub lot_size: Qty,
    /// Value of one whole unit of quantity: quote currency per point (linear), or contract value in the quote
    /// currency (inverse, e.g. 100 USD). A whole number, at least 1.
    pub multiplier: i64,
    /// Fee for resting orders, in 10⁻⁶ of the notional; negative is a rebate.
    pub maker_fee_ppm: i32,
    /// Fee for taking orders, in 10⁻⁶ of the notional.
    pub taker_fee_ppm: i32,
    /// Whether the scales were inferred from a capture instead of read from a definition.
    pub inferred: bool,
}

impl Instrument {
    /// Decimals of the coin amounts of inverse contracts, whose value is a fraction: fixed, rounded half to even.
    pub const INVERSE_MONEY_DECIMALS: u8 = 18;

    /// Money of this instrument is in units of 10^-this: exact for linear contracts.
    #[inline]
    pub const fn money_decimals(&self) -> u8 {
        match self.contract {
            Contract::Linear => self.price_decimals + self.qty_decimals,
            Contract::Inverse => Self::INVERSE_MONEY_DECIMALS,
        }
    }

    /// The name people use: `SYMBOL.VENUE`.
    pub fn name(&self) -> String {
        format!("{}.{}", self.symbol, self.venue.name())
    }
}
