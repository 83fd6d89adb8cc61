//! Hot: the mid price.

use super::Feature;
use super::tick::{Tick, wakes};
use serde::{Deserialize, Serialize};

/// `kind = "mid"`; no parameters.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Params {}

/// (bid + ask) ÷ 2, a price. Warm at once; needs a tradable book.
#[derive(Clone, Debug)]
pub struct Mid {
    value: Option<f64>,
}

impl Feature for Mid {
    type Params = Params;
    const NEEDS_BOOK: bool = true;
    const WAKES: u8 = wakes::BOOK;

    fn new(_: &Params) -> Result<Self, String> {
        Ok(Self { value: None })
    }

    #[inline]
    fn on_tick(&mut self, tick: &Tick<'_>) -> bool {
        if !tick.tradable {
            self.value = None;
        } else if tick.book_fresh {
            self.value = Some(tick.mid);
        }
        tick.book_fresh
    }

    #[inline]
    fn value(&self) -> Option<f64> {
        self.value
    }
}

#[cfg(test)]
mod tests {
    use crate::feature::testkit::Scene;

    #[test]
    fn holds_between_changes_and_waits_for_the_whole_message() {
        let mut scene = Scene::new("[[features]]\nkind='mid'");
        scene.top(10_000, 5, 10_001, 7);
        assert_eq!(scene.step().get(0), Some(100.005));
        scene.quiet();
        let out = scene.step();
        assert_eq!((out.get(0), out.updated), (Some(100.005), 0));
        scene.top(10_010, 5, 10_020, 7);
        scene.input.flags = 0;
        assert_eq!(scene.step().get(0), Some(100.005), "more parts of the message are to come");
        scene.input.flags = crate::event::input::flags::LAST;
        assert_eq!(scene.step().get(0), Some(100.15));
    }
}
