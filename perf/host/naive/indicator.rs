//! Indicators of closed bars, from their textbook formulas.

use std::collections::VecDeque;

/// The last values, at most so many.
#[derive(Debug)]
pub struct Recent {
    values: VecDeque<f64>,
    most: usize,
}

impl Recent {
    /// None yet, of `most`.
    pub fn new(most: usize) -> Self {
        Self { values: VecDeque::with_capacity(most), most }
    }

    /// One more; the oldest goes.
    pub fn push(&mut self, value: f64) {
        if self.values.len() == self.most {
            self.values.pop_front();
        }
        self.values.push_back(value);
    }

    /// Forgets all.
    pub fn clear(&mut self) {
        self.values.clear();
    }

    /// All of them, if there are as many as there can be.
    pub fn full(&self) -> Option<&VecDeque<f64>> {
        (self.values.len() == self.most).then_some(&self.values)
    }
}

/// Exponential average, seeded with the mean of the first `period` values.
#[derive(Debug)]
pub struct Ema {
    alpha: f64,
    period: u32,
    seen: u32,
    value: f64,
}

impl Ema {
    /// α = 2 ÷ (`period` + 1).
    pub fn new(period: u32) -> Self {
        Self { alpha: 2.0 / (f64::from(period) + 1.0), period, seen: 0, value: 0.0 }
    }

    /// Wilder's: α = 1 ÷ `period`.
    pub fn wilder(period: u32) -> Self {
        Self { alpha: 1.0 / f64::from(period), ..Self::new(period) }
    }

    /// One more value.
    pub fn push(&mut self, x: f64) {
        if self.seen == self.period {
            self.value += self.alpha * (x - self.value);
            return;
        }
        self.seen += 1;
        self.value += x;
        if self.seen == self.period {
            self.value /= f64::from(self.period);
        }
    }

    /// The average, once there were `period` values.
    pub fn value(&self) -> Option<f64> {
        (self.seen == self.period).then_some(self.value)
    }
}

/// Relative strength index, 0..=100.
#[derive(Debug)]
pub struct Rsi {
    last: Option<f64>,
    gain: Ema,
    loss: Ema,
}

impl Rsi {
    /// Over `period` changes.
    pub fn new(period: u32) -> Self {
        Self { last: None, gain: Ema::wilder(period), loss: Ema::wilder(period) }
    }

    /// One more close.
    pub fn push(&mut self, close: f64) {
        if let Some(last) = self.last.replace(close) {
            let change = close - last;
            self.gain.push(change.max(0.0));
            self.loss.push((-change).max(0.0));
        }
    }

    /// The index; 50 where nothing moved.
    pub fn value(&self) -> Option<f64> {
        let (gain, loss) = (self.gain.value()?, self.loss.value()?);
        Some(if loss > 0.0 {
            100.0 - 100.0 / (1.0 + gain / loss)
        } else if gain > 0.0 {
            100.0
        } else {
            50.0
        })
    }
}

/// Difference of two averages, and of it and its own average.
#[derive(Debug)]
pub struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
    line: Option<f64>,
}

impl Macd {
    /// Periods of the averages.
    pub fn new(fast: u32, slow: u32, signal: u32) -> Self {
        Self { fast: Ema::new(fast), slow: Ema::new(slow), signal: Ema::new(signal), line: None }
    }

    /// One more close.
    pub fn push(&mut self, close: f64) {
        self.fast.push(close);
        self.slow.push(close);
        self.line = self.fast.value().zip(self.slow.value()).map(|(fast, slow)| fast - slow);
        if let Some(line) = self.line {
            self.signal.push(line);
        }
    }

    /// Line − signal.
    pub fn histogram(&self) -> Option<f64> {
        Some(self.line? - self.signal.value()?)
    }
}

/// Average true range.
#[derive(Debug)]
pub struct Atr {
    last_close: Option<f64>,
    average: Ema,
}

impl Atr {
    /// Over `period` bars.
    pub fn new(period: u32) -> Self {
        Self { last_close: None, average: Ema::wilder(period) }
    }

    /// One more bar.
    pub fn push(&mut self, high: f64, low: f64, close: f64) {
        let last = self.last_close.replace(close);
        self.average.push(last.map_or(high - low, |last| high.max(last) - low.min(last)));
    }

    /// A difference of prices.
    pub fn value(&self) -> Option<f64> {
        self.average.value()
    }
}

/// Where the last close lies between Bollinger's bands: 0 at the lower, 1 at the upper. `None` while they have no width.
pub fn percent_b(closes: &Recent, width_sigma: f64) -> Option<f64> {
    let closes = closes.full()?;
    // Around the first close, so that a close that does not move has no variance.
    let (first, last, n) = (*closes.front()?, *closes.back()?, closes.len() as f64);
    let mean = closes.iter().map(|close| close - first).sum::<f64>() / n;
    let variance = closes.iter().map(|close| (close - first - mean).powi(2)).sum::<f64>() / n;
    let half = width_sigma * variance.sqrt();
    (half > 0.0).then(|| (last - first - mean + half) / (2.0 * half))
}
