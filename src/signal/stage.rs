//! Hot: the signal stage.

use super::config::Voter;
use super::ensemble::{Rules, Tally};
use super::{Config, ConfigError};
use crate::event::feature::FeatureSection;
use crate::event::input::{Input, InputKind};
use crate::event::market::{MarketSection, flags};
use crate::event::outside::OutsideSignal;
use crate::event::signal::{Direction, SignalSection, Silence, Vote};
use crate::types::ids::Sequence;
use crate::types::time::{NO_TIME, UnixNanos};
use bytemuck::Zeroable;

/// What an agent outside thinks of an instrument, while it counts.
#[derive(Clone, Copy, Debug)]
struct Led {
    direction: Direction,
    confidence: f64,
    until: UnixNanos,
    origin: Sequence,
}

impl Led {
    const NOBODY: Self = Self { direction: Direction::Flat, confidence: 0.0, until: NO_TIME, origin: 0 };
}

/// The signal stage: a pure state machine over inputs, market and feature sections. It never allocates after `new`.
#[derive(Debug)]
pub struct SignalStage {
    voters: Vec<Voter>,
    tags: Vec<String>,
    rules: Rules,
    /// Direction of the last signal, by instrument id; flat before the first.
    last: Box<[Direction]>,
    /// Whom each instrument follows instead of the models.
    led: Box<[Led]>,
}

impl SignalStage {
    /// A stage for ids below `instruments_max`, whose models look features up in `feature_names` (in the order of
    /// `FeatureSection::values`).
    ///
    /// # Errors
    /// [`ConfigError`], if the configuration asks for something that is not there or not allowed.
    pub fn new(config: &Config, feature_names: &[String], instruments_max: usize) -> Result<Self, ConfigError> {
        Ok(Self {
            voters: config.build(feature_names, instruments_max)?,
            tags: config.models.iter().map(super::config::ModelConfig::tag).collect(),
            rules: Rules {
                quorum: config.quorum as usize,
                agreement_min: config.agreement_min,
                score_min: config.score_min,
            },
            last: vec![Direction::Flat; instruments_max].into_boxed_slice(),
            led: vec![Led::NOBODY; instruments_max].into_boxed_slice(),
        })
    }

    /// Tags of the models, `name@vYYMMDD`; the position is `Vote::model`.
    pub fn tags(&self) -> &[String] {
        &self.tags
    }

    /// An outside signal is followed instead of the models from its own slot until it ends, or until the next one of the same
    /// instrument: one opinion at a time, so that every order has one that it follows from. With a book that is not good it
    /// waits, as a model would. It does not outlive an epoch.
    ///
    /// Takes in one input with the market and the features after it, and writes the signal or the reason why there is
    /// none. If several reasons hold, the first in this order is given: `NotMarket`, `NoModel`, `InvalidBook`, `Stale`,
    /// `NotTrading`, `Unchanged`, `Warming` (too few models have warm features), `NoQuorum`.
    #[inline]
    pub fn on_slot(
        &mut self,
        input: &Input,
        market: &MarketSection,
        features: &FeatureSection,
        out: &mut SignalSection,
    ) {
        *out = SignalSection { stamp: out.stamp, ..SignalSection::zeroed() };
        if input.kind == InputKind::Epoch.code() {
            self.restart();
        }
        let silence = self.signal(input, market, features, out);
        out.silence = silence.code();
        out.present = u8::from(silence == Silence::None);
    }

    fn restart(&mut self) {
        for instrument in 0..self.last.len() {
            self.last[instrument] = Direction::Flat;
            self.led[instrument] = Led::NOBODY;
            for voter in &mut self.voters {
                voter.model.forget(instrument);
            }
        }
    }

    /// Whom the instrument follows at this input, which may be the one that says so.
    #[inline]
    fn led(&mut self, instrument: usize, input: &Input) -> Option<Led> {
        let place = self.led.get_mut(instrument)?;
        if input.kind == InputKind::Outside.code() {
            let said: &OutsideSignal = input.payload();
            if let Some(direction) = said.direction() {
                *place = Led { direction, confidence: said.confidence, until: said.until, origin: input.sequence };
            }
        }
        (input.ts_recv < place.until).then_some(*place)
    }

    #[inline]
    fn signal(
        &mut self,
        input: &Input,
        market: &MarketSection,
        features: &FeatureSection,
        out: &mut SignalSection,
    ) -> Silence {
        let instrument = input.instrument.index();
        if !concerns_market(input) {
            return Silence::NotMarket;
        }
        let led = self.led(instrument, input);
        let Some(last) = self.last.get_mut(instrument) else { return Silence::NotMarket };
        if self.voters.is_empty() && led.is_none() {
            return Silence::NoModel;
        }
        if let Some(silence) = closed(market) {
            for voter in &mut self.voters {
                voter.model.forget(instrument);
            }
            return silence;
        }
        const CHANGES: u32 = flags::BBO_CHANGED | flags::BOOK_UPDATED | flags::TRADED;
        let told = input.kind == InputKind::Outside.code();
        if !told && (input.kind == InputKind::Timer.code() || !input.is_last() || market.flags & CHANGES == 0) {
            return Silence::Unchanged;
        }
        if let Some(led) = led {
            (out.direction, out.confidence, out.origin) = (led.direction.code(), led.confidence, led.origin);
            out.score = led.direction.sign() as f64 * led.confidence;
            out.changed = u8::from(*last != led.direction);
            *last = led.direction;
            return Silence::None;
        }
        if told {
            // One that makes no sense, or was over when it came.
            return Silence::Unchanged;
        }

        let (mut tally, mut warm) = (Tally::default(), 0);
        for ((index, voter), slot) in (0u16..).zip(&mut self.voters).zip(&mut out.votes) {
            slot.model = index;
            let needs = voter.model.needs();
            if features.warm & needs != needs {
                continue;
            }
            warm += 1;
            let opinion = voter.model.ask(instrument, features).filter(|o| (0.0..=1.0).contains(&o.confidence));
            if let Some(said) = opinion {
                let (confidence, direction) = (said.confidence as f32, said.direction.code());
                *slot = Vote { confidence, model: index, direction, cast: 1 };
                tally.add(voter.weight, said);
            }
        }
        out.votes_len = self.voters.len() as u8;

        let Some(outcome) = tally.outcome(&self.rules) else {
            return if warm < self.rules.quorum { Silence::Warming } else { Silence::NoQuorum };
        };
        out.direction = outcome.direction.code();
        out.score = outcome.score;
        out.confidence = outcome.confidence;
        out.changed = u8::from(*last != outcome.direction);
        *last = outcome.direction;
        Silence::None
    }
}

/// Whether the input says something about a market; a timer does, since it can make one stale.
#[inline]
fn concerns_market(input: &Input) -> bool {
    use InputKind::{Definition, Epoch, Gate, Operator, Report, Statement};
    !matches!(input.kind(), None | Some(Epoch | Definition | Gate | Report | Operator | Statement))
}

/// Why no model may be asked about this market.
#[inline]
fn closed(market: &MarketSection) -> Option<Silence> {
    if market.flags & flags::VALID == 0 {
        Some(Silence::InvalidBook)
    } else if market.flags & flags::STALE != 0 {
        Some(Silence::Stale)
    } else if !market.is_tradable() {
        Some(Silence::NotTrading)
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::input::{Level, Nothing};
    use crate::types::ids::{InstrumentId, SourceId};
    use crate::types::price::{Px, Qty};
    use proptest::prelude::*;

    const GOOD: u32 = flags::VALID | flags::TRADING;

    struct Scene {
        stage: SignalStage,
        input: Input,
        market: MarketSection,
        features: FeatureSection,
    }

    impl Scene {
        fn new(config: &Config) -> Self {
            let names = ["top_imbalance", "ofi", "trade_flow", "weighted_mid_bps"].map(str::to_owned);
            let mut market = MarketSection::zeroed();
            market.flags = GOOD | flags::BBO_CHANGED;
            market.bid = Level { px: Px(100), qty: Qty(1) };
            market.ask = Level { px: Px(101), qty: Qty(1) };
            let mut features = FeatureSection::zeroed();
            (features.warm, features.count) = (0b1111, 4);
            Self {
                stage: SignalStage::new(config, &names, 2).unwrap(),
                input: Input::new(InputKind::Quote, SourceId::FEED_FIRST, InstrumentId(0), 0, &Nothing {}),
                market,
                features,
            }
        }

        fn step(&mut self) -> SignalSection {
            let mut out = SignalSection::zeroed();
            // What an older slot left behind must not come through.
            (out.stamp, out.present, out.direction, out.changed, out.votes_len) = (7, 1, 1, 1, 8);
            (out.score, out.confidence, out.votes[3].cast) = (f64::NAN, f64::NAN, 1);
            self.stage.on_slot(&self.input, &self.market, &self.features, &mut out);
            assert_eq!(out.stamp, 7);
            out
        }

        fn silence(&mut self) -> Silence {
            let out = self.step();
            assert_eq!(out.present == 1, out.silence == 0);
            Silence::from_code(out.silence).unwrap()
        }
    }

    #[test]
    fn says_the_vote_and_what_changed() {
        let mut scene = Scene::new(&Config::default());
        assert_eq!(scene.stage.tags(), ["book@v261121", "flow@v261121"]);
        scene.features.values[2] = 0.9;
        scene.features.values[0] = 0.8;
        let out = scene.step();
        assert_eq!((out.present, out.direction(), out.changed, out.votes_len), (1, Direction::Long, 1, 2));
        assert_eq!((out.votes[0].cast, out.votes[1].cast, out.votes[1].model), (1, 1, 1));
        assert!((out.score - f64::midpoint((0.4f64 + 0.27).tanh(), 1.0)).abs() < 1e-12);
        assert_eq!(scene.step().changed, 0);
        scene.features.values = [0.0; 40];
        let out = scene.step();
        assert_eq!((out.present, out.direction(), out.changed, out.confidence), (1, Direction::Flat, 1, 1.0));
        scene.input.instrument = InstrumentId(1);
        assert_eq!(scene.step().changed, 0, "flat before the first signal");
    }

    #[test]
    fn each_silence_and_their_order() {
        use InputKind::{Definition, Depth, Epoch, Gap, Gate, Mark, Report, Timer, Trade};
        let mut scene = Scene::new(&Config::default());
        for kind in [Epoch, Definition, Gate, Report] {
            scene.input.kind = kind.code();
            assert_eq!(scene.silence(), Silence::NotMarket);
        }
        scene.input.kind = 255;
        assert_eq!(scene.silence(), Silence::NotMarket);
        scene.input.kind = Trade.code();
        for id in [InstrumentId::NONE, InstrumentId(2)] {
            scene.input.instrument = id;
            assert_eq!(scene.silence(), Silence::NotMarket);
        }
        scene.input.instrument = InstrumentId(0);
        assert_eq!(scene.silence(), Silence::None);
        // From here on each case adds a reason of higher rank.
        scene.features.warm = 0;
        assert_eq!(scene.silence(), Silence::Warming);
        for kind in [Timer, Depth, Mark, Gap] {
            scene.input.kind = kind.code();
            scene.market.flags = GOOD | if kind == Timer { flags::BBO_CHANGED } else { 0 };
            assert_eq!(scene.silence(), Silence::Unchanged);
        }
        scene.market.flags = GOOD | flags::BOOK_UPDATED;
        scene.input.flags = 0;
        assert_eq!(scene.silence(), Silence::Unchanged, "more parts are to come");
        scene.market.flags = flags::VALID;
        assert_eq!(scene.silence(), Silence::NotTrading);
        scene.market.flags = flags::VALID | flags::STALE;
        assert_eq!(scene.silence(), Silence::Stale);
        scene.market.flags = flags::STALE;
        assert_eq!(scene.silence(), Silence::InvalidBook);
        let mut none = Scene::new(&Config { models: Vec::new(), ..Config::default() });
        none.market.flags = 0;
        assert_eq!(none.silence(), Silence::NoModel);
    }

    #[test]
    fn quorum_counts_what_was_cast() {
        let mut scene = Scene::new(&Config { quorum: 2, ..Config::default() });
        scene.features.warm = 0b0100;
        assert_eq!(scene.silence(), Silence::Warming, "the linear model waits for its features");
        scene.features.warm = 0b1111;
        assert_eq!(scene.silence(), Silence::None);
        scene.features.values[0] = f64::NAN;
        let out = scene.step();
        assert_eq!(out.silence, Silence::NoQuorum.code());
        assert_eq!((out.votes[0].cast, out.votes[1].cast), (0, 1), "NaN is a vote that was not cast");
        let mut scene = Scene::new(&Config { agreement_min: 0.9, ..Config::default() });
        scene.features.values[0] = 0.9;
        assert_eq!(scene.silence(), Silence::NoQuorum, "one long, one flat");
    }

    #[test]
    fn hysteresis_does_not_outlive_the_market() {
        let mut scene = Scene::new(&Config::default());
        scene.features.warm = 0b0100;
        scene.features.values[2] = 0.9;
        assert_eq!(scene.step().direction(), Direction::Long);
        scene.features.values[2] = 0.4;
        assert_eq!(scene.step().direction(), Direction::Long, "stays");
        scene.market.flags |= flags::STALE;
        assert_eq!(scene.silence(), Silence::Stale);
        scene.market.flags = GOOD | flags::TRADED;
        assert_eq!(scene.step().direction(), Direction::Flat, "forgot");
        scene.features.values[2] = 0.9;
        scene.step();
        scene.input.kind = InputKind::Epoch.code();
        assert_eq!(scene.silence(), Silence::NotMarket);
        scene.input.kind = InputKind::Trade.code();
        scene.features.values[2] = 0.4;
        let out = scene.step();
        assert_eq!((out.direction(), out.changed), (Direction::Flat, 0), "a new epoch knows nothing");
    }

    #[test]
    fn an_outside_signal_is_followed_until_it_ends() {
        let mut scene = Scene::new(&Config::default());
        (scene.features.values[2], scene.features.values[0]) = (0.9, 0.8);
        let tick = |scene: &mut Scene, at: i64| {
            scene.input = Input::new(InputKind::Quote, SourceId::FEED_FIRST, InstrumentId(0), at, &Nothing {});
            scene.step()
        };
        let say = |scene: &mut Scene, at: i64, direction: Direction, confidence: f64, until: i64, sequence: u64| {
            let said = OutsideSignal::new("agent:002", direction, confidence, until);
            scene.input = said.input(InstrumentId(0), at);
            scene.input.sequence = sequence;
            scene.step()
        };
        let read = |out: SignalSection| (out.present, out.direction(), out.origin);
        assert_eq!(read(tick(&mut scene, 1)), (1, Direction::Long, 0));
        let out = say(&mut scene, 2, Direction::Short, 0.5, 10, 77);
        assert_eq!((read(out), out.changed), ((1, Direction::Short, 77), 1), "at once, with its own slot");
        assert_eq!((out.confidence, out.score, out.votes_len), (0.5, -0.5, 0));
        assert_eq!(read(tick(&mut scene, 3)), (1, Direction::Short, 77));
        // What makes no sense changes nothing, and is no occasion of its own to say the models' opinion.
        assert_eq!(read(say(&mut scene, 4, Direction::Long, f64::NAN, 10, 78)), (1, Direction::Short, 77));
        assert_eq!(
            read(say(&mut scene, 5, Direction::Flat, 1.0, 20, 79)),
            (1, Direction::Flat, 79),
            "the next one leads"
        );
        scene.market.flags |= flags::STALE;
        assert_eq!(read(tick(&mut scene, 6)), (0, Direction::Flat, 0), "not on a bad book");
        scene.market.flags = GOOD | flags::TRADED;
        assert_eq!(read(tick(&mut scene, 19)), (1, Direction::Flat, 79));
        assert_eq!(read(tick(&mut scene, 20)), (1, Direction::Long, 0), "it has ended");
        assert_eq!(read(say(&mut scene, 21, Direction::Short, 0.5, 21, 80)).0, 0, "it was over when it came");
        say(&mut scene, 22, Direction::Short, 0.5, 99, 81);
        scene.input = Input::new(InputKind::Quote, SourceId::FEED_FIRST, InstrumentId(1), 23, &Nothing {});
        assert_eq!(read(scene.step()).2, 0, "of one instrument alone");
        scene.input = Input::new(InputKind::Epoch, SourceId::COMMAND, InstrumentId::NONE, 23, &Nothing {});
        scene.step();
        assert_eq!(read(tick(&mut scene, 24)), (1, Direction::Long, 0), "it does not outlive an epoch");
        let mut none = Scene::new(&Config { models: Vec::new(), ..Config::default() });
        assert_eq!(read(say(&mut none, 1, Direction::Long, 0.9, 9, 5)), (1, Direction::Long, 5), "without any model");
    }

    proptest! {
        /// Whatever the sections hold: no signal from a market that is invalid, stale or not trading, none from a
        /// feature that is not warm, nothing that is not finite, and never an opinion beside a silence.
        #[test]
        fn never_a_signal_from_a_bad_market(
            steps in proptest::collection::vec((
                prop_oneof![4 => 16u8..20, 1 => any::<u8>()],
                prop_oneof![3 => (0u32..8).prop_map(|b| GOOD | b << 2), 1 => any::<u32>()],
                (90i64..110, 0i64..3, 90i64..110, 0i64..3),
                prop_oneof![3 => Just(u64::MAX), 1 => any::<u64>()],
                proptest::array::uniform4(prop_oneof![8 => -2.0f64..2.0, 1 => any::<f64>()]),
                (0u32..4, 0u8..4),
            ), 1..60),
            quorum in 1u32..3,
            agreement_min in 0.0f64..1.0,
        ) {
            let mut scene = Scene::new(&Config { quorum, agreement_min, ..Config::default() });
            for (kind, bits, (bid, bid_qty, ask, ask_qty), warm, values, (instrument, flags)) in steps {
                (scene.input.kind, scene.input.flags) = (kind, flags);
                scene.input.instrument = InstrumentId(instrument);
                scene.market.flags = bits;
                scene.market.bid = Level { px: Px(bid), qty: Qty(bid_qty) };
                scene.market.ask = Level { px: Px(ask), qty: Qty(ask_qty) };
                scene.features.warm = warm;
                scene.features.values[..4].copy_from_slice(&values);
                let out = scene.step();
                prop_assert_eq!(out.present == 1, out.silence == 0);
                prop_assert!(out.score.abs() <= 1.0 && (0.0..=1.0).contains(&out.confidence));
                let cast = out.votes.iter().filter(|v| v.cast == 1).count();
                if out.present == 1 {
                    prop_assert!(scene.market.is_tradable() && instrument < 2 && flags & 2 != 0);
                    prop_assert!(cast >= quorum as usize);
                } else {
                    prop_assert_eq!((out.direction, out.changed, out.score, out.confidence), (0, 0, 0.0, 0.0));
                }
                if !scene.market.is_tradable() {
                    prop_assert_eq!((cast, out.votes_len), (0, 0));
                }
                prop_assert!(out.votes[0].cast == 0 || warm & 0b1111 == 0b1111);
                prop_assert!(out.votes[1].cast == 0 || warm & 0b0100 != 0);
                prop_assert!(out.votes.iter().all(|v| (0.0..=1.0).contains(&v.confidence)));
            }
        }
    }
}
