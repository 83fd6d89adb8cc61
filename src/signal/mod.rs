//! Hot: the signal stage: what the models say about an instrument, together and one by one.
//!
//! | room | what is in it |
//! |---|---|
//! | `config` | [`Config`], [`ConfigError`]: what, where, what is allowed, the nearest known name |
//! | `stage` | [`SignalStage`]: whether the models are asked at all, and if not, why |
//! | `ensemble` | the weighted vote |
//! | one file per model | see the registry below |
//!
//! **To add a model**: write `name.rs` with a type that implements [`Model`], and add two lines here: its `mod` line and
//! its registry row. The row's left side is the `kind` in the configuration.
//!
//! What holds: no signal from a market that is not tradable (invalid, stale, halted, one-sided, locked), none from a
//! feature that is not warm, and no number that is not finite leaves: such a model's vote is not cast.
//!
//! ```toml
//! [signal]
//! quorum = 1             # votes that must be cast
//! agreement_min = 0.5    # share of the cast weight that must point the way of the result; flat needs none
//! score_min = 0.1        # below this the result is flat
//!
//! [[signal.models]]
//! name = "book"
//! version = "v261121"    # the tag is book@v261121
//! kind = "linear"
//! weight = 1.0           # in the vote
//! link = "tanh"
//! bias = 0.0
//! score_min = 0.2
//! weights = { top_imbalance = 0.6, ofi = 0.2 }
//! standardize = { ofi = { mean = 0.0, scale = 2.0 } }
//!
//! [[signal.models]]
//! name = "flow"
//! version = "v261121"
//! kind = "threshold"
//! feature = "trade_flow"
//! long_above = 0.6
//! long_exit = 0.3
//! short_below = -0.6
//! short_exit = -0.3
//! ```

pub mod config;
pub mod ensemble;
pub mod stage;

pub mod linear;
pub mod threshold;

pub use config::{Config, ConfigError};
pub use stage::SignalStage;

use crate::event::feature::FeatureSection;
use crate::event::signal::Direction;
use config::{Fault, FeatureIndex};
use serde::{Serialize, de::DeserializeOwned};

/// What a model says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Opinion {
    /// Which way.
    pub direction: Direction,
    /// How sure, 0..=1.
    pub confidence: f64,
}

/// One model for all instruments.
pub trait Model: Sized {
    /// Parameters as they stand in the configuration; every one has a default that serialises.
    type Params: Default + Serialize + DeserializeOwned;

    /// A model for ids below `instruments_max`. It looks its features up in `features`.
    fn new(params: &Self::Params, features: &FeatureIndex<'_>, instruments_max: usize) -> Result<Self, Fault>;

    /// Bits of the features that it uses; it is asked only when all of them are warm.
    fn needs(&self) -> u64;

    /// Its opinion on `instrument`, which is below `instruments_max`; `None` if it has none, or if a number is not finite.
    fn ask(&mut self, instrument: usize, features: &FeatureSection) -> Option<Opinion>;

    /// Forgets what it remembers of `instrument`, since the market is not tradable.
    fn forget(&mut self, instrument: usize) {
        let _ = instrument;
    }
}

macro_rules! registry {
    ($( $kind:ident => $model:ty, )+) => {
        /// Any registered model; an enum, so that the calls are direct.
        #[derive(Debug)]
        #[allow(non_camel_case_types)]
        pub(crate) enum AnyModel { $( $kind($model), )+ }

        /// All kinds of models.
        pub const KINDS: &[&str] = &[ $( stringify!($kind), )+ ];

        impl AnyModel {
            /// A model of `kind`, or `None` for an unknown kind.
            pub(crate) fn build(
                kind: &str, params: &toml::Table, features: &FeatureIndex<'_>, instruments_max: usize,
            ) -> Option<Result<Self, Fault>> {
                match kind {
                    $( stringify!($kind) =>
                        Some(config::build::<$model>(params, features, instruments_max).map(Self::$kind)), )+
                    _ => None,
                }
            }

            #[inline]
            pub(crate) fn needs(&self) -> u64 {
                match self { $( Self::$kind(model) => model.needs(), )+ }
            }

            #[inline]
            pub(crate) fn ask(&mut self, instrument: usize, features: &FeatureSection) -> Option<Opinion> {
                match self { $( Self::$kind(model) => model.ask(instrument, features), )+ }
            }

            #[inline]
            pub(crate) fn forget(&mut self, instrument: usize) {
                match self { $( Self::$kind(model) => model.forget(instrument), )+ }
            }
        }
    };
}

registry! {
    linear => linear::Linear,
    threshold => threshold::Threshold,
}
