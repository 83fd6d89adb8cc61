//! Hot: the feature stage: a vector of floats per instrument, kept up incrementally, O(1) per input.
//!
//! | room | what is in it |
//! |---|---|
//! | `config` | [`Config`], [`ConfigError`]: what, where, what is allowed, the nearest known name |
//! | `stage` | [`FeatureStage`]: one dense row of feature states per instrument |
//! | `tick` | `Tick`: one input as the features see it; bar intervals |
//! | `window` | rolling sums over a time window: integers in a ring of buckets, so nothing drifts |
//! | `indicator` | the arithmetic of the bar indicators, apart from ticks |
//! | one file per feature | see the registry below |
//!
//! **To add a feature**: write `name.rs` with a type that implements [`Feature`], and add two lines here: its `mod` line
//! and its registry row. The row's left side is the `kind` in the configuration.
//!
//! What holds for all features:
//! - A feature of the book ([`Feature::NEEDS_BOOK`]) has a value only where [`MarketSection::is_tradable`] holds, and
//!   takes in the book only when a venue's message is complete (`flags::LAST`).
//! - When the book's continuity breaks (invalid, a gap, whole again), a feature that compares the book with an earlier
//!   one starts its warm-up anew. While the book is whole but not tradable (stale, halted, one-sided), it only forgets
//!   the earlier state, so that the jump is passed over, and goes on warm.
//! - Features of trades or bars do not look at the book. Trade windows start anew at a gap, since trades may be missing.
//! - Time is `ts_recv`, made to never go back within an instrument.
//! - A feature is asked only where an input brings what can change it ([`Feature::WAKES`]); else its last value stands.
//! - NaN and infinities are "not warm", and the value is then 0.
//! - A finer definition multiplies integers that are held; one that no longer fits starts that feature anew.
//!
//! ```toml
//! [[feature.features]]
//! name = "imbalance_10"      # default: the kind
//! kind = "depth_imbalance"
//! levels = 10
//!
//! [[feature.features]]
//! name = "rsi_1m"
//! kind = "rsi"
//! interval = "1m"
//! period = 14
//! ```

pub mod config;
pub mod indicator;
pub mod stage;
pub mod tick;
pub mod window;
#[cfg(test)]
mod testkit;

pub mod spread;
pub mod mid;
pub mod weighted_mid;
pub mod top_imbalance;
pub mod depth_imbalance;
pub mod ofi;
pub mod trade_flow;
pub mod ewma_return;
pub mod realized_vol;
pub mod vwap;
pub mod bar_vwap;
pub mod sma;
pub mod ema;
pub mod rsi;
pub mod macd;
pub mod atr;
pub mod bollinger;

pub use config::{Config, ConfigError};
pub use stage::FeatureStage;

#[cfg(doc)]
use crate::event::market::MarketSection;
use crate::types::time::UnixNanos;
use serde::{Serialize, de::DeserializeOwned};
use tick::{Tick, wakes};

/// One feature of one instrument: its state and how an input changes it.
pub trait Feature: Clone + Sized {
    /// Parameters as they stand in the configuration; every one has a default that serialises.
    type Params: Default + Serialize + DeserializeOwned;

    /// Whether the value says something about the book, and so is warm only where the market is tradable.
    const NEEDS_BOOK: bool;

    /// What can change it, as bits of [`wakes`]: with a tick that brings nothing of that, [`on_tick`](Self::on_tick) would
    /// change nothing and return `false`, so it is not called. Unless a feature says so, anything can.
    const WAKES: u8 = wakes::ALL;

    /// A cold feature. The error says which parameter is wrong and what is allowed.
    fn new(params: &Self::Params) -> Result<Self, String>;

    /// Takes in one input of its instrument. Returns whether the value was computed anew.
    fn on_tick(&mut self, tick: &Tick<'_>) -> bool;

    /// The value, or `None` while it is not warm or not defined.
    fn value(&self) -> Option<f64>;

    /// For [`wakes::TIME`]: before this time no tick changes it that brings nothing else. Told after each tick that it took in.
    fn wakes_at(&self) -> UnixNanos {
        UnixNanos::MIN
    }

    /// Multiplies held integers: prices by 10^`px_finer_by`, quantities by 10^`qty_finer_by`. `false` if one no longer
    /// fits; the stage then starts the feature anew.
    fn rescale(&mut self, px_finer_by: u8, qty_finer_by: u8) -> bool {
        let _ = (px_finer_by, qty_finer_by);
        true
    }
}

/// What one feature did with one input.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Step {
    pub(crate) value: Option<f64>,
    pub(crate) updated: bool,
}

#[inline]
fn step<F: Feature>(feature: &mut F, tick: &Tick<'_>) -> Step {
    let updated = feature.on_tick(tick);
    let value = if F::NEEDS_BOOK && !tick.tradable { None } else { feature.value().filter(|v| v.is_finite()) };
    Step { value, updated: updated && value.is_some() }
}

macro_rules! registry {
    ($( $kind:ident => $feature:ty, )+) => {
        /// Any registered feature. An enum, so that the calls are direct and one instrument's states lie side by side.
        #[derive(Clone, Debug)]
        #[allow(non_camel_case_types)]
        pub(crate) enum AnyFeature { $( $kind($feature), )+ }

        /// All kinds of features.
        pub const KINDS: &[&str] = &[ $( stringify!($kind), )+ ];

        impl AnyFeature {
            /// A cold feature of `kind`, or `None` for an unknown kind.
            pub(crate) fn build(kind: &str, params: &toml::Table) -> Option<Result<Self, config::ParamFault>> {
                match kind {
                    $( stringify!($kind) => Some(config::build::<$feature>(params).map(Self::$kind)), )+
                    _ => None,
                }
            }

            // Not inlined: what one feature wants of the tick would be computed for all, whichever are asked.
            #[inline(never)]
            pub(crate) fn step(&mut self, tick: &Tick<'_>) -> Step {
                match self { $( Self::$kind(feature) => step(feature, tick), )+ }
            }

            /// [`Feature::WAKES`]; and the book, where its being tradable or not decides whether there is a value.
            pub(crate) fn wakes(&self) -> u8 {
                const fn all<F: Feature>() -> u8 {
                    if F::NEEDS_BOOK { F::WAKES | wakes::BOOK } else { F::WAKES }
                }
                match self { $( Self::$kind(_) => const { all::<$feature>() }, )+ }
            }

            /// [`Feature::wakes_at`].
            #[inline]
            pub(crate) fn wakes_at(&self) -> UnixNanos {
                match self { $( Self::$kind(feature) => feature.wakes_at(), )+ }
            }

            pub(crate) fn rescale(&mut self, px_finer_by: u8, qty_finer_by: u8) -> bool {
                match self { $( Self::$kind(feature) => feature.rescale(px_finer_by, qty_finer_by), )+ }
            }
        }
    };
}

registry! {
    spread => spread::Spread,
    mid => mid::Mid,
    weighted_mid => weighted_mid::WeightedMid,
    top_imbalance => top_imbalance::TopImbalance,
    depth_imbalance => depth_imbalance::DepthImbalance,
    ofi => ofi::Ofi,
    trade_flow => trade_flow::TradeFlow,
    ewma_return => ewma_return::EwmaReturn,
    realized_vol => realized_vol::RealizedVol,
    vwap => vwap::Vwap,
    bar_vwap => bar_vwap::BarVwap,
    sma => sma::Sma,
    ema => ema::Ema,
    rsi => rsi::Rsi,
    macd => macd::Macd,
    atr => atr::Atr,
    bollinger => bollinger::Bollinger,
}
