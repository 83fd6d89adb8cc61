//! Hot: relative strength index (Wilder 1978).

use super::ema::Ema;

/// RSI = 100 − 100 ÷ (1 + G/L), with Wilder averages of gains and losses, seeded with the mean of the first N changes.
/// No losses: 100; neither gains nor losses: 50.
#[derive(Clone, Debug)]
pub struct Rsi {
    last: Option<f64>,
    gain: Ema,
    loss: Ema,
}

impl Rsi {
    /// Over `period` changes, at least 1.
    pub fn new(period: u32) -> Self {
        Self { last: None, gain: Ema::wilder(period), loss: Ema::wilder(period) }
    }

    /// Takes in a close.
    #[inline]
    pub fn push(&mut self, close: f64) {
        if let Some(last) = self.last.replace(close) {
            let change = close - last;
            self.gain.push(change.max(0.0));
            self.loss.push((-change).max(0.0));
        }
    }

    /// 0..=100, from the close number `period` + 1 on.
    #[inline]
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reference_vector() {
        let closes = [
            44.3389, 44.0902, 44.1497, 43.6124, 44.3278, 44.8264, 45.0955, 45.4245, 45.8433, 46.0826, 45.8931, 46.0328,
            45.6140, 46.2820, 46.2820, 46.0028, 46.0328, 46.4116, 46.2222, 45.6439,
        ];
        let mut rsi = Rsi::new(14);
        let out: Vec<f64> = closes.iter().filter_map(|&c| (rsi.push(c), rsi.value()).1).collect();
        let expected = [70.53, 66.32, 66.55, 69.41, 66.36, 57.97];
        assert_eq!(out.len(), expected.len());
        for (ours, theirs) in out.iter().zip(expected) {
            assert!((ours - theirs).abs() <= 0.005, "{ours} {theirs}");
        }
    }

    #[test]
    fn the_ends_of_the_range() {
        let last = |closes: &[f64]| {
            let mut rsi = Rsi::new(3);
            for &close in closes {
                rsi.push(close);
            }
            rsi.value()
        };
        assert_eq!(last(&[1.0, 2.0, 3.0]), None);
        assert_eq!(last(&[1.0, 2.0, 3.0, 4.0]), Some(100.0));
        assert_eq!(last(&[4.0, 3.0, 2.0, 1.0]), Some(0.0));
        assert_eq!(last(&[4.0; 4]), Some(50.0));
    }
}
