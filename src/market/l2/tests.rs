//! Hot: the fast book against the naive one.

use super::*;
use crate::market::oracle::OracleBook;
use proptest::prelude::*;
use rand_core::{Rng, SeedableRng};

fn same(fast: &L2Book, naive: &OracleBook) {
    for side in [Side::Buy, Side::Sell] {
        assert!(fast.levels(side).eq(naive.levels(side)), "{side}");
        assert_eq!(fast.len(side), naive.len(side));
        same_top(fast, naive, side);
    }
}

fn same_top(fast: &L2Book, naive: &OracleBook, side: Side) {
    assert_eq!(fast.best(side), naive.best(side));
    let sum = |n| Qty(naive.levels(side).take(n).map(|l| l.qty.0).sum());
    assert_eq!(fast.sums(side), (sum(5), sum(10)));
}

/// Both books through the same changes; the answers and the tops are compared after each, all levels now and then.
fn check(levels_max: usize, changes: impl Iterator<Item = (Side, i64, i64)>, compare_every: usize) {
    let (mut fast, mut naive) = (L2Book::new(levels_max), OracleBook::new(levels_max));
    let room = fast.bids.far.room();
    for (n, (side, px, qty)) in changes.enumerate() {
        assert_eq!(fast.set(side, Px(px), Qty(qty)), naive.set(side, Px(px), Qty(qty)), "change {n}");
        assert_eq!(fast.get(side, Px(px)).0, naive.levels(side).find(|l| l.px.0 == px).map_or(0, |l| l.qty.0));
        same_top(&fast, &naive, side);
        if n % compare_every == 0 {
            same(&fast, &naive);
        }
    }
    same(&fast, &naive);
    assert_eq!(fast.bids.far.room(), room, "nothing was allocated");
}

#[test]
fn levels_come_change_and_go() {
    let mut book = L2Book::new(4);
    assert_eq!(book.best(Side::Buy), Level::default());
    assert_eq!(book.set(Side::Buy, Px(10), Qty(5)), Change::Made);
    assert_eq!(book.set(Side::Buy, Px(10), Qty(5)), Change::None);
    assert_eq!(book.set(Side::Buy, Px(11), Qty(0)), Change::None);
    assert_eq!(book.set(Side::Sell, Px(12), Qty(7)), Change::Made);
    assert!(!book.is_crossed());
    book.set(Side::Buy, Px(12), Qty(1));
    assert!(book.is_crossed());
    assert_eq!(book.best(Side::Buy), Level { px: Px(12), qty: Qty(1) });
    assert_eq!(book.set(Side::Buy, Px(12), Qty(0)), Change::Made);
    assert_eq!(book.best(Side::Buy), Level { px: Px(10), qty: Qty(5) });
    assert!(book.rescale(100, 10));
    assert_eq!(book.get(Side::Sell, Px(1200)), Qty(70));
    assert_eq!(book.best(Side::Sell), Level { px: Px(1200), qty: Qty(70) });
    assert!(!book.rescale(i64::MAX, 1));
    assert!(book.is_empty(Side::Buy) && book.is_empty(Side::Sell));
}

#[test]
fn a_full_side_drops_the_level_furthest_from_the_touch() {
    let mut book = L2Book::new(2);
    for px in [10, 11] {
        book.set(Side::Sell, Px(px), Qty(1));
    }
    assert_eq!(book.set(Side::Sell, Px(12), Qty(1)), Change::Full);
    assert_eq!(book.set(Side::Sell, Px(9), Qty(1)), Change::Full);
    assert_eq!(book.levels(Side::Sell).map(|l| l.px.0).collect::<Vec<_>>(), [9, 10]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn agrees_with_the_oracle(
        levels_max in 1usize..300,
        changes in proptest::collection::vec((any::<bool>(), -300i64..300, 0i64..4), 0..500),
    ) {
        let side = |buy| if buy { Side::Buy } else { Side::Sell };
        check(levels_max, changes.into_iter().map(|(buy, px, qty)| (side(buy), px, qty)), 50);
    }
}

/// A million changes: a walking touch, most changes near it, some far away, now and then a sweep of deletions.
#[test]
fn a_million_changes_agree_with_the_oracle() {
    let mut rng = rand_pcg::Pcg64Mcg::seed_from_u64(7);
    let (mut fast, mut naive) = (L2Book::new(3_000), OracleBook::new(3_000));
    let mut touch = 6_000_000i64;
    for n in 0..1_000_000u32 {
        let r = rng.next_u64();
        touch += (r >> 60) as i64 % 3 - 1;
        let side = if r & 1 == 0 { Side::Buy } else { Side::Sell };
        let away = match r >> 1 & 15 {
            0 => (r >> 8) as i64 & 0xf_ffff,
            1 | 2 => (r >> 8) as i64 & 0xfff,
            _ => (r >> 8) as i64 & 0x1f,
        };
        let qty = if n & 0x8000 != 0 { r >> 40 & 1 } else { r >> 40 & 3 } as i64;
        let px = Px(touch - side.sign() * away);
        assert_eq!(fast.set(side, px, Qty(qty)), naive.set(side, px, Qty(qty)), "change {n}");
        assert_eq!(fast.best(side), naive.best(side), "change {n}");
        if n % 50_000 == 0 {
            same(&fast, &naive);
        }
    }
    same(&fast, &naive);
    assert!(naive.len(Side::Buy) > 1_000, "the test reached deep books: {}", naive.len(Side::Buy));
}

/// Where the next price of a stream lies: on steps or between them, near, far, or at the ends of what a price can be.
fn price() -> impl Strategy<Value = i64> {
    prop_oneof![
        20 => (-2_000i64..2_000).prop_map(|n| n * 10),
        20 => (-50i64..50).prop_map(|n| 500_000 + n * 10),
        4 => (-20_000i64..20_000).prop_map(|n| n * 10),
        1 => -100_000i64..100_000,
        1 => (0i64..4, 0i64..3).prop_map(|(n, k)| match k { 0 => i64::MIN + n, 1 => i64::MAX - n, _ => n << 61 }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn steps_jumps_and_extremes_agree_with_the_oracle(
        levels_max in prop_oneof![1usize..40, Just(2_000)],
        changes in proptest::collection::vec((any::<bool>(), price(), 0i64..3), 0..800),
    ) {
        let side = |buy| if buy { Side::Buy } else { Side::Sell };
        check(levels_max, changes.into_iter().map(|(buy, px, qty)| (side(buy), px, qty)), 50);
    }
}

/// A step is learned, a finer price unlearns it, a definition with more decimals multiplies it.
#[test]
fn the_step_follows_the_prices() {
    let (mut fast, mut naive) = (L2Book::new(20_000), OracleBook::new(20_000));
    let set = |fast: &mut L2Book, naive: &mut OracleBook, side, px, qty| {
        assert_eq!(fast.set(side, Px(px), Qty(qty)), naive.set(side, Px(px), Qty(qty)));
    };
    for n in 0..6_000 {
        set(&mut fast, &mut naive, Side::Buy, 10_000_000 - n * 100, 1 + n);
        set(&mut fast, &mut naive, Side::Sell, 10_000_100 + n * 100, 1 + n);
    }
    same(&fast, &naive);
    for n in [1, 50, 25, 300_010, 77] {
        set(&mut fast, &mut naive, Side::Buy, 10_000_000 - n, 9);
        set(&mut fast, &mut naive, Side::Sell, 10_000_100 + n, 9);
        same(&fast, &naive);
    }
    assert!(fast.rescale(1_000, 10));
    let mut finer = OracleBook::new(20_000);
    for side in [Side::Buy, Side::Sell] {
        for level in naive.levels(side) {
            finer.set(side, Px(level.px.0 * 1_000), Qty(level.qty.0 * 10));
        }
    }
    same(&fast, &finer);
    for px in [9_999_999_999, 1] {
        set(&mut fast, &mut finer, Side::Buy, px, 3);
        same(&fast, &finer);
    }
}

/// One price between two steps, which soon is gone, does not make the window narrow for ever.
#[test]
fn the_step_is_learned_anew_when_there_are_twice_as_many_levels() {
    let (mut fast, mut naive) = (L2Book::new(2_000), OracleBook::new(2_000));
    let set = |fast: &mut L2Book, naive: &mut OracleBook, px, qty| {
        assert_eq!(fast.set(Side::Buy, Px(px), Qty(qty)), naive.set(Side::Buy, Px(px), Qty(qty)));
        same(fast, naive);
        fast.bids.step()
    };
    let mut steps = Vec::new();
    // Looked at where the window has to move, which is where its width counts.
    for n in 0..1_000 {
        let mut step = set(&mut fast, &mut naive, 1_000_000 + n * 100, 1);
        if n == 30 {
            step = set(&mut fast, &mut naive, 1_000_050, 1);
            assert_eq!(set(&mut fast, &mut naive, 1_000_050, 0), step);
        }
        if steps.last().is_none_or(|last: &(i64, u64)| last.1 != step) {
            steps.push((n, step));
        }
    }
    let learned: Vec<u64> = steps.iter().map(|s| s.1).collect();
    assert_eq!(learned, [1, 100, 50, 100], "{steps:?}");
}
