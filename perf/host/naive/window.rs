//! Rolling sums over a time window.
//!
//! The sums are decimals: what is taken away again must leave exactly what was there before, or a quiet market would have a
//! flow. The window moves in 64 steps of its length, which are aligned to absolute time, as the product's do.

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use std::collections::VecDeque;

/// Steps of a window.
const STEPS: i64 = 64;

/// `N` sums.
#[derive(Debug)]
pub struct Window<const N: usize> {
    step: i64,
    /// Number of the step, counted from 1970, and its sums; only steps with something in them.
    steps: VecDeque<(i64, [Decimal; N])>,
    total: [Decimal; N],
    /// When watching began.
    start: Option<i64>,
}

impl<const N: usize> Window<N> {
    /// An empty window of `millis` milliseconds.
    pub fn new(millis: i64) -> Self {
        Self { step: millis * 1_000_000 / STEPS, steps: VecDeque::new(), total: [Decimal::ZERO; N], start: None }
    }

    /// Moves on to `now`; whether something fell out.
    pub fn advance(&mut self, now: i64) -> bool {
        self.start.get_or_insert(now);
        let oldest = now.div_euclid(self.step) - STEPS + 1;
        let mut changed = false;
        while self.steps.front().is_some_and(|(step, _)| *step < oldest) {
            let (_, gone) = self.steps.pop_front().expect("there is one");
            self.total.iter_mut().zip(gone).for_each(|(total, gone)| *total -= gone);
            changed = true;
        }
        changed
    }

    /// Adds at `now`.
    pub fn add(&mut self, now: i64, values: [Decimal; N]) {
        let step = now.div_euclid(self.step);
        match self.steps.back_mut() {
            Some((last, sums)) if *last == step => sums.iter_mut().zip(values).for_each(|(sum, value)| *sum += value),
            _ => self.steps.push_back((step, values)),
        }
        self.total.iter_mut().zip(values).for_each(|(total, value)| *total += value);
    }

    /// Whether it was watched for its whole length.
    pub fn is_full(&self, now: i64) -> bool {
        self.start.is_some_and(|start| now - start >= self.step * STEPS)
    }

    /// The sums.
    pub fn sums(&self) -> [f64; N] {
        self.total.map(float)
    }

    /// Empty, and not watched yet.
    pub fn restart(&mut self) {
        self.steps.clear();
        self.total = [Decimal::ZERO; N];
        self.start = None;
    }
}

/// The float next to a decimal.
pub fn float(decimal: Decimal) -> f64 {
    decimal.to_f64().unwrap_or(f64::NAN)
}
