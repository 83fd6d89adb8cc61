//! Hot: position and profit of one instrument, by the average-cost method, in exact integers.
//!
//! The cost of the open position carries the position's sign (see `money::value`), so one rule serves both sides:
//!
//! - a fill that adds: cost += value of the fill;
//! - a fill that reduces by q of |position|: removed = cost × q ÷ |position|, **rounded half to even**, all of it when the
//!   position becomes flat; realised += −value of the fill − removed; cost −= removed. What rounding leaves stays in the cost;
//! - a fill through zero realises everything, then opens the rest at the fill's price.
//!
//! So `realized − cost = cash` (−Σ value of all fills) holds exactly after every fill, and equity
//! `realized + (position at the mark − cost) − fees` changes by exactly what was realised, revalued and paid.

use super::money::{self, share, value};
use crate::types::instrument::{Contract, Instrument};
use crate::types::price::{Money, Side};
use crate::types::time::{SECONDS, UnixNanos};

const DAY: i64 = 86_400 * SECONDS;
/// Before every day.
pub(super) const NO_DAY: i64 = i64::MIN;

/// The UTC day of `now`, counted from 1970-01-01.
#[inline]
pub(super) fn day_of(now: UnixNanos) -> i64 {
    now.div_euclid(DAY)
}

/// One instrument's account. Only reports and definitions change it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Account {
    /// Signed, in quantity units.
    pub position: i64,
    /// Signed value that the position was opened for, in money units.
    pub cost: Money,
    /// Realised, without fees.
    pub realized: Money,
    /// Paid; rebates are negative.
    pub fees: Money,
    /// Average entry price × 10⁴, rounded half to even; 0 when flat or out of range.
    pub avg_px_e4: i64,
    /// The UTC day of the last fill.
    day: i64,
    /// `realized − fees` when that day began.
    day_base: Money,
}

impl Account {
    pub(super) const EMPTY: Self =
        Self { position: 0, cost: 0, realized: 0, fees: 0, avg_px_e4: 0, day: NO_DAY, day_base: 0 };

    /// Books a fill. `None` on overflow: then nothing was changed.
    pub(super) fn fill(
        &mut self,
        instrument: &Instrument,
        side: Side,
        qty: i64,
        px: i64,
        fee: Money,
        day: i64,
    ) -> Option<()> {
        let mut next = *self;
        if day > next.day {
            next.day = day;
            next.day_base = self.realized.checked_sub(self.fees)?;
        }
        let signed = side.sign().checked_mul(qty)?;
        let held = self.position.checked_abs()?;
        let reduces = if self.position.signum() == -signed.signum() { held.min(qty) } else { 0 };
        if reduces > 0 {
            let closing = value(instrument, side.sign() * reduces, i128::from(px), 1)?;
            let removed = share(self.cost, reduces, held)?;
            next.realized = next.realized.checked_sub(closing)?.checked_sub(removed)?;
            next.cost = next.cost.checked_sub(removed)?;
        }
        if qty > reduces {
            let opening = value(instrument, side.sign() * (qty - reduces), i128::from(px), 1)?;
            next.cost = next.cost.checked_add(opening)?;
        }
        next.position = self.position.checked_add(signed)?;
        next.fees = next.fees.checked_add(fee)?;
        next.avg_px_e4 = next.average(instrument).unwrap_or(0);
        *self = next;
        Some(())
    }

    fn average(&self, instrument: &Instrument) -> Option<i64> {
        if self.position == 0 {
            return Some(0);
        }
        let amount = i128::from(self.position.checked_abs()?).checked_mul(i128::from(instrument.multiplier))?;
        let exact = match instrument.contract {
            // The cost has the position's sign times the price's.
            Contract::Linear => {
                let cost = self.cost.checked_mul(i128::from(self.position.signum()))?;
                money::div_half_even(cost.checked_mul(10_000)?, amount)?
            }
            Contract::Inverse => {
                let power = Instrument::INVERSE_MONEY_DECIMALS + instrument.price_decimals + 4;
                let scale = money::pow10(power.checked_sub(instrument.qty_decimals)?)?;
                money::div_half_even(amount.checked_mul(scale)?, self.cost.checked_abs()?)?
            }
        };
        i64::try_from(exact).ok()
    }

    /// Unrealised profit and loss at the price `px2` ÷ 2, rounded half to even where that is a fraction.
    #[inline]
    pub(super) fn unrealized(&self, instrument: &Instrument, px2: i128) -> Option<Money> {
        if self.position == 0 {
            return Some(0);
        }
        value(instrument, self.position, px2, 2)?.checked_sub(self.cost)
    }

    /// Realised less fees since `day` began.
    ///
    /// It is computed, not rolled over, so that only fills change the account: on a day without a fill it is zero.
    #[inline]
    pub(super) fn banked(&self, day: i64) -> Option<Money> {
        if day > self.day { Some(0) } else { self.realized.checked_sub(self.fees)?.checked_sub(self.day_base) }
    }

    /// The account at scales that are finer by these powers of ten; `instrument` is the new definition.
    pub(super) fn rescale(&self, instrument: &Instrument, px_by: u8, qty_by: u8) -> Option<Self> {
        let qty = i64::try_from(money::pow10(qty_by)?).ok()?;
        let by = match instrument.contract {
            Contract::Linear => money::pow10(px_by.checked_add(qty_by)?)?,
            Contract::Inverse => 1,
        };
        let mut next = Self {
            position: self.position.checked_mul(qty)?,
            cost: self.cost.checked_mul(by)?,
            realized: self.realized.checked_mul(by)?,
            fees: self.fees.checked_mul(by)?,
            day_base: self.day_base.checked_mul(by)?,
            ..*self
        };
        next.avg_px_e4 = next.average(instrument).unwrap_or(0);
        Some(next)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::instrument;
    use super::*;
    use proptest::prelude::*;

    fn check(fills: &[(Side, i64, i64)], expected: (i64, i64, i128)) {
        let spec = Instrument { price_decimals: 0, qty_decimals: 0, ..instrument(0) };
        let mut account = Account::EMPTY;
        for &(side, qty, px) in fills {
            account.fill(&spec, side, qty, px, 0, 1).unwrap();
        }
        assert_eq!((account.position, account.avg_px_e4, account.realized), expected, "{fills:?}");
    }

    #[test]
    fn average_cost_vectors() {
        use Side::{Buy, Sell};
        check(&[(Buy, 10, 100), (Buy, 10, 110)], (20, 1_050_000, 0));
        check(&[(Buy, 10, 100), (Buy, 10, 110), (Sell, 15, 108)], (5, 1_050_000, 45));
        check(&[(Buy, 10, 100), (Buy, 10, 110), (Sell, 15, 108), (Sell, 10, 100)], (-5, 1_000_000, 20));
        check(&[(Sell, 4, 50), (Buy, 4, 40)], (0, 0, 40));
        check(&[(Sell, 4, -5), (Buy, 1, -7)], (-3, -50_000, 2));
    }

    #[test]
    fn an_inverse_contract_earns_in_coin() {
        // 10 contracts of 100 USD, bought at 50 000 and sold at 60 000: 1000 × (1/50000 − 1/60000) = 1/300 coin.
        let spec = Instrument {
            contract: Contract::Inverse,
            multiplier: 100,
            price_decimals: 1,
            qty_decimals: 0,
            ..instrument(0)
        };
        let mut account = Account::EMPTY;
        account.fill(&spec, Side::Buy, 10, 500_000, 0, 1).unwrap();
        assert_eq!(account.avg_px_e4, 500_000 * 10_000);
        assert_eq!(account.unrealized(&spec, 1_200_000), Some(3_333_333_333_333_333));
        account.fill(&spec, Side::Sell, 10, 600_000, 0, 1).unwrap();
        assert_eq!((account.position, account.cost, account.realized), (0, 0, 3_333_333_333_333_333));
        assert_eq!(account.fill(&spec, Side::Buy, 1, 0, 0, 1), None, "no price, no value");
        assert_eq!(account.position, 0);
    }

    #[test]
    fn the_day_begins_anew_and_an_overflow_changes_nothing() {
        let spec = instrument(0);
        let mut account = Account::EMPTY;
        account.fill(&spec, Side::Buy, 10, 100, 3, 1).unwrap();
        account.fill(&spec, Side::Sell, 10, 90, 3, 1).unwrap();
        assert_eq!((account.banked(1), account.banked(2)), (Some(-106), Some(0)));
        account.fill(&spec, Side::Buy, 1, 90, 5, 2).unwrap();
        assert_eq!(account.banked(2), Some(-5));
        let before = account;
        assert_eq!(account.fill(&spec, Side::Buy, i64::MAX, 90, 5, 2), None);
        assert_eq!(account, before);
    }

    proptest! {
        /// Cash is the oracle: equity = cash − fees + position at the mark, and the position is Σ signed fills.
        #[test]
        fn equity_moves_by_what_was_realised_revalued_and_paid(
            fills in proptest::collection::vec((any::<bool>(), 1i64..1_000, 1i64..100_000, -50i128..50, 1i128..200_000), 1..60),
            inverse in any::<bool>(),
            multiplier in 1i64..50,
        ) {
            let contract = if inverse { Contract::Inverse } else { Contract::Linear };
            let spec = Instrument { contract, multiplier, ..instrument(0) };
            let mut account = Account::EMPTY;
            let (mut position, mut cash, mut paid) = (0i64, 0i128, 0i128);
            let mut before = (0i128, 0i128, 0i128);
            for (buy, qty, px, fee, mark2) in fills {
                let side = if buy { Side::Buy } else { Side::Sell };
                // Parts of a fill through zero are rounded each for itself.
                let signed = side.sign() * qty;
                let closing = if position.signum() == -signed.signum() { position.abs().min(qty) } else { 0 };
                for part in [closing, qty - closing] {
                    cash -= value(&spec, side.sign() * part, i128::from(px), 1).unwrap();
                }
                position += signed;
                paid += fee;
                account.fill(&spec, side, qty, px, fee, 1).unwrap();
                let unrealized = account.unrealized(&spec, mark2).unwrap();
                let equity = cash - paid + value(&spec, position, mark2, 2).unwrap();
                prop_assert_eq!(account.position, position);
                prop_assert_eq!(account.realized - account.cost, cash);
                prop_assert_eq!(account.realized + unrealized - account.fees, equity);
                let now = (account.realized, unrealized, account.fees);
                prop_assert_eq!(equity - (before.0 + before.1 - before.2), (now.0 - before.0) + (now.1 - before.1) - (now.2 - before.2));
                prop_assert!(position != 0 || account.cost == 0);
                before = now;
            }
        }

        #[test]
        fn finer_scales_change_nothing(fills in proptest::collection::vec((any::<bool>(), 1i64..100, 1i64..1000), 1..20), at in 0usize..20) {
            let coarse = instrument(0);
            let fine = Instrument { price_decimals: coarse.price_decimals + 2, qty_decimals: coarse.qty_decimals + 1, ..coarse };
            let (mut one, mut two) = (Account::EMPTY, Account::EMPTY);
            let mut finer = false;
            for (i, &(buy, qty, px)) in fills.iter().enumerate() {
                let side = if buy { Side::Buy } else { Side::Sell };
                one.fill(&fine, side, qty * 10, px * 100, 7000, 1).unwrap();
                if i == at { two = two.rescale(&fine, 2, 1).unwrap(); finer = true; }
                let (spec, qty, px, fee) = if finer { (&fine, qty * 10, px * 100, 7000) } else { (&coarse, qty, px, 7) };
                two.fill(spec, side, qty, px, fee, 1).unwrap();
            }
            if !finer { two = two.rescale(&fine, 2, 1).unwrap(); }
            // Proportional removal is rounded at the scale that held, so only what is exact at both is compared.
            prop_assert_eq!((one.position, one.fees, one.realized - one.cost), (two.position, two.fees, two.realized - two.cost));
        }
    }
}
