//! Hot: moving average convergence and divergence.

use super::ema::Ema;

/// Line = EMA(fast) − EMA(slow); signal = EMA of the line; histogram = line − signal.
#[derive(Clone, Debug)]
pub struct Macd {
    fast: Ema,
    slow: Ema,
    signal: Ema,
    line: Option<f64>,
}

impl Macd {
    /// Periods of the three averages.
    pub fn new(fast: u32, slow: u32, signal: u32) -> Self {
        Self { fast: Ema::new(fast), slow: Ema::new(slow), signal: Ema::new(signal), line: None }
    }

    /// Takes in a close.
    #[inline]
    pub fn push(&mut self, close: f64) {
        self.fast.push(close);
        self.slow.push(close);
        self.line = self.fast.value().zip(self.slow.value()).map(|(fast, slow)| fast - slow);
        if let Some(line) = self.line {
            self.signal.push(line);
        }
    }

    /// The line, from close number `max(fast, slow)` on.
    #[inline]
    pub fn line(&self) -> Option<f64> {
        self.line
    }

    /// The signal line, from close number `max(fast, slow) + signal − 1` on.
    #[inline]
    pub fn signal(&self) -> Option<f64> {
        self.signal.value()
    }

    /// Line − signal.
    #[inline]
    pub fn histogram(&self) -> Option<f64> {
        self.line.zip(self.signal()).map(|(line, signal)| line - signal)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn first_valid_bars_are_26_and_34() {
        let mut macd = Macd::new(12, 26, 9);
        for bar in 1..=40 {
            macd.push(f64::from(bar) * 0.5);
            assert_eq!(macd.line().is_some(), bar >= 26, "{bar}");
            assert_eq!(macd.signal().is_some(), bar >= 34, "{bar}");
            assert_eq!(macd.histogram().is_some(), bar >= 34, "{bar}");
        }
        // On a straight line an EMA lags by (N − 1)/2 bars, so the MACD is slope × (25 − 11)/2, and the signal joins it.
        assert!((macd.line().unwrap() - 0.5 * 7.0).abs() < 1e-9);
        assert!(macd.histogram().unwrap().abs() < 1e-9);
    }
}
