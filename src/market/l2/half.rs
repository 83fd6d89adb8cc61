//! Hot: one side of the book: a window of price steps around the touch with a bitmap of those in use, and a sorted list
//! for what lies further away.
//!
//! The window has 4 096 slots, one for each price step; its bitmap is 64 words and one word that tells which of them are
//! in use, so that the next best level is found with two instructions. A change in the window is an array access. All
//! levels below the window are in the list; there is never one above it: the window moves, by whole words, before one
//! would come. It also moves when the touch has sunk into its lowest quarter. Moving costs a copy of 32 KiB at most and
//! happens once in 1 024 steps of price or more.
//!
//! The step is learned from the levels themselves (a definition may show more decimals than the venue's tick has): the
//! greatest common divisor of their distances. A price between two steps makes the step smaller again; it is learned anew
//! when there are twice as many levels, which one wrong price may not prevent for ever, and which cannot happen often.

use super::Change;
use super::far::Far;

/// Slots of the window: 64 words of 64.
const SLOTS: usize = 64 * 64;
/// The word in which the touch is put when the window moves: there is more room behind it than before it.
const TOUCH_WORD: usize = 47;
/// When the touch sinks below this word, the window moves down.
const LOW_WORD: usize = 16;
/// A step above this is not used: the slot of a key is found by multiplying with the step's reciprocal, which is exact
/// as long as `SLOTS × STEP_MAX² < 2^64`.
const STEP_MAX: u64 = 1 << 24;
/// Levels from which on the step is learned.
const LEARN_FROM: usize = 16;

/// Where a key lies.
enum Place {
    Slot(usize),
    Below,
    Above,
    /// In the window's range, between two steps.
    Between,
}

/// One side. Keys grow towards the touch.
#[derive(Debug)]
pub(super) struct Half {
    qtys: Box<[i64; SLOTS]>,
    words: [u64; 64],
    /// Bit w: `words[w]` is not 0.
    summary: u64,
    /// Key of slot 0.
    base: i64,
    /// Keys from one slot to the next, 1 ..= `STEP_MAX`.
    step: u64,
    /// ⌈2^64 ÷ step⌉; not used for a step of 1.
    reciprocal: u64,
    /// Slot of the best level; means nothing if `summary` is 0.
    best: usize,
    /// Levels in the window. 0 only if the side is empty.
    near: usize,
    pub(super) far: Far,
    /// Levels at which the step is learned next.
    learn_at: usize,
}

/// The highest bit that is set; 0 if none is.
#[inline]
const fn top_bit(word: u64) -> usize {
    (word | 1).ilog2() as usize
}

/// Greatest common divisor.
fn gcd(mut a: u64, mut b: u64) -> u64 {
    while b != 0 {
        (a, b) = (b, a % b);
    }
    a
}

impl Half {
    #[allow(clippy::large_stack_arrays, reason = "only in the branch that is never taken: the length is right")]
    pub(super) fn new(levels_max: usize) -> Self {
        // A boxed array of zeros from the heap, not by way of the stack; its pages are touched as levels come.
        let qtys: Box<[i64; SLOTS]> =
            vec![0i64; SLOTS].into_boxed_slice().try_into().unwrap_or_else(|_| Box::new([0; SLOTS]));
        Self {
            qtys,
            words: [0; 64],
            summary: 0,
            base: 0,
            step: 1,
            reciprocal: 0,
            best: 0,
            near: 0,
            far: Far::new(levels_max),
            learn_at: LEARN_FROM,
        }
    }

    /// Levels.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.near + self.far.levels
    }

    pub(super) fn clear(&mut self) {
        self.empty_window(|_, _| {});
        self.far.clear();
        self.set_step(1);
        self.learn_at = LEARN_FROM;
    }

    fn set_step(&mut self, step: u64) {
        self.step = step;
        self.reciprocal = if step == 1 { 0 } else { u64::MAX / step + 1 };
    }

    #[inline]
    fn place(&self, key: i64) -> Place {
        if key < self.base {
            return Place::Below;
        }
        let distance = key.wrapping_sub(self.base) as u64;
        if self.step == 1 {
            return if distance < SLOTS as u64 { Place::Slot(distance as usize) } else { Place::Above };
        }
        if distance >= SLOTS as u64 * self.step {
            return Place::Above;
        }
        let slot = ((u128::from(distance) * u128::from(self.reciprocal)) >> 64) as u64;
        if slot * self.step == distance { Place::Slot(slot as usize) } else { Place::Between }
    }

    #[inline]
    fn key_of(&self, slot: usize) -> i64 {
        self.base.wrapping_add((slot as u64 * self.step) as i64)
    }

    pub(super) fn get(&self, key: i64) -> i64 {
        match self.place(key) {
            Place::Slot(slot) => self.qtys[slot % SLOTS],
            Place::Below => self.far.get(key),
            Place::Above | Place::Between => 0,
        }
    }

    #[inline]
    pub(super) fn set(&mut self, key: i64, qty: i64, levels_max: usize) -> Change {
        let Place::Slot(slot) = self.place(key) else { return self.set_outside(key, qty, levels_max) };
        let slot = slot % SLOTS;
        let held = self.qtys[slot];
        if held == qty {
            return Change::None;
        }
        if held == 0 {
            if self.len() >= levels_max {
                return self.set_full(key, qty);
            }
            if self.near == 0 {
                // An empty side begins anew around its first level.
                return self.set_outside(key, qty, levels_max);
            }
            self.put(slot, qty);
            return Change::Made;
        }
        if qty == 0 {
            self.take(slot);
            if slot == self.best {
                self.best_is_gone();
            }
        } else {
            self.qtys[slot] = qty;
        }
        Change::Made
    }

    /// Fills an empty slot.
    #[inline]
    fn put(&mut self, slot: usize, qty: i64) {
        let slot = slot % SLOTS;
        self.qtys[slot] = qty;
        self.words[slot / 64] |= 1 << (slot % 64);
        self.summary |= 1 << (slot / 64);
        if slot > self.best || self.near == 0 {
            self.best = slot;
        }
        self.near += 1;
    }

    /// Empties a slot; the best may have to be found anew.
    #[inline]
    fn take(&mut self, slot: usize) {
        let slot = slot % SLOTS;
        self.qtys[slot] = 0;
        let word = &mut self.words[slot / 64];
        *word &= !(1 << (slot % 64));
        if *word == 0 {
            self.summary &= !(1 << (slot / 64));
        }
        self.near -= 1;
    }

    /// The highest slot in use; there must be one.
    #[inline]
    fn highest(&self) -> usize {
        let word = top_bit(self.summary);
        word * 64 + top_bit(self.words[word])
    }

    #[inline]
    fn best_is_gone(&mut self) {
        if self.summary == 0 {
            if let Some((key, _)) = self.far.best() {
                self.move_to(key);
            }
            return;
        }
        self.best = self.highest();
        if self.best / 64 < LOW_WORD && self.far.levels > 0 {
            self.move_down();
        }
    }

    /// A change that is not in the window.
    #[inline(never)]
    fn set_outside(&mut self, key: i64, qty: i64, levels_max: usize) -> Change {
        if self.near == 0 {
            if qty == 0 {
                return Change::None;
            }
            self.move_to(key);
            let Place::Slot(slot) = self.place(key) else {
                // What was pulled in made the step smaller, and the window lies around that.
                return self.set(key, qty, levels_max);
            };
            self.put(slot, qty);
            return Change::Made;
        }
        let below = key < self.base;
        if qty == 0 {
            return if below { self.far.set(key, 0) } else { Change::None };
        }
        if below {
            if self.len() >= levels_max && self.far.get(key) == 0 {
                return self.set_full(key, qty);
            }
            let change = self.far.set(key, qty);
            self.learn();
            return change;
        }
        if self.len() >= levels_max {
            return self.set_full(key, qty);
        }
        self.learn();
        match self.place(key) {
            Place::Slot(slot) => self.put(slot, qty),
            Place::Below => return self.far.set(key, qty),
            Place::Between => {
                self.refine(key);
                return self.set(key, qty, levels_max);
            }
            Place::Above => {
                self.move_up(key);
                return self.set(key, qty, levels_max);
            }
        }
        Change::Made
    }

    /// A new level on a full side: the one furthest from the touch goes, or this one does not come.
    #[cold]
    fn set_full(&mut self, key: i64, qty: i64) -> Change {
        if let Some(lowest) = self.far.lowest() {
            if key > lowest {
                self.far.drop_lowest();
                self.set(key, qty, usize::MAX);
            }
            return Change::Full;
        }
        let word = self.summary.trailing_zeros() as usize & 63;
        let slot = word * 64 + (self.words[word].trailing_zeros() as usize & 63);
        if key > self.key_of(slot) {
            self.take(slot);
            if slot == self.best && self.near > 0 {
                self.best = self.highest();
            }
            self.set(key, qty, usize::MAX);
        }
        Change::Full
    }

    /// Takes all levels out of the window, lowest first.
    fn empty_window(&mut self, mut each: impl FnMut(i64, i64)) {
        for word in 0..64 {
            let mut bits = self.words[word];
            while bits != 0 {
                let slot = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                each(self.key_of(slot), self.qtys[slot % SLOTS]);
                self.qtys[slot % SLOTS] = 0;
            }
            self.words[word] = 0;
        }
        (self.summary, self.near, self.best) = (0, 0, 0);
    }

    /// Puts the whole window into the list.
    fn flush(&mut self) {
        let mut far = core::mem::replace(&mut self.far, Far::none());
        self.empty_window(|key, qty| {
            let change = far.set(key, qty);
            debug_assert_eq!(change, Change::Made, "the list has room for all levels");
        });
        self.far = far;
    }

    /// Takes what belongs into the window out of the list. A price between two steps makes the step smaller, and begins
    /// anew.
    fn pull(&mut self) {
        while let Some((key, qty)) = self.far.best() {
            match self.place(key) {
                Place::Slot(slot) => {
                    self.put(slot, qty);
                    self.far.pop_best();
                }
                Place::Below => return,
                Place::Between | Place::Above => {
                    self.refine(key);
                    return;
                }
            }
        }
    }

    /// Puts slot 0 so that `key` lies at the start of word `word`, or as near as the range of prices allows.
    fn set_base(&mut self, key: i64, word: usize) {
        let room = (i128::from(key) - i128::from(i64::MIN)) as u64 / self.step;
        let below = room.min(word as u64 * 64);
        self.base = key.wrapping_sub((below * self.step) as i64);
    }

    /// Builds the window anew around `key`, the highest that there will be.
    #[cold]
    fn move_to(&mut self, key: i64) {
        self.flush();
        self.set_base(key, TOUCH_WORD);
        self.pull();
    }

    /// Moves the window up until `key`, above it, has room.
    #[cold]
    fn move_up(&mut self, key: i64) {
        let distance = key.wrapping_sub(self.base) as u64;
        let word = distance / self.step / 64;
        let by = word.saturating_sub(TOUCH_WORD as u64);
        // Never beyond `key`, so it is a key too.
        let base = self.base.wrapping_add_unsigned(by * 64 * self.step);
        if by >= 64 || !distance.is_multiple_of(self.step) {
            // Nothing of the window would stay; or the key lies between two steps: the caller refines.
            self.flush();
            self.base = base;
            self.pull();
            return;
        }
        let (by, mut far) = (by as usize, core::mem::replace(&mut self.far, Far::none()));
        for word in 0..by {
            let mut bits = self.words[word];
            while bits != 0 {
                let slot = word * 64 + bits.trailing_zeros() as usize;
                bits &= bits - 1;
                far.set(self.key_of(slot), self.qtys[slot % SLOTS]);
                self.near -= 1;
            }
        }
        self.far = far;
        self.qtys.copy_within(by * 64.., 0);
        self.qtys[SLOTS - by * 64..].fill(0);
        self.words.copy_within(by.., 0);
        self.words[64 - by..].fill(0);
        self.summary >>= by;
        self.base = base;
        // With nothing left in the window it means nothing: the caller puts `key` there next.
        self.best = self.highest();
    }

    /// Moves the window down until the touch is where it belongs.
    #[cold]
    fn move_down(&mut self) {
        let room = (i128::from(self.base) - i128::from(i64::MIN)) as u64 / (64 * self.step);
        let by = room.min((TOUCH_WORD - self.best / 64) as u64) as usize;
        if by == 0 {
            return;
        }
        self.qtys.copy_within(..SLOTS - by * 64, by * 64);
        self.qtys[..by * 64].fill(0);
        self.words.copy_within(..64 - by, by);
        self.words[..by].fill(0);
        self.summary <<= by;
        self.base = self.base.wrapping_sub((by as u64 * 64 * self.step) as i64);
        self.best += by * 64;
        self.pull();
    }

    /// A price between two steps: the step becomes one that fits it, until there are twice as many levels.
    #[cold]
    fn refine(&mut self, key: i64) {
        let off = (i128::from(key) - i128::from(self.base)).unsigned_abs() % u128::from(self.step);
        let step = gcd(self.step, off as u64).max(1);
        self.learn_at = self.len().saturating_mul(2).max(LEARN_FROM);
        self.restep(step);
    }

    /// Another step, the window around the same touch.
    fn restep(&mut self, step: u64) {
        self.flush();
        self.set_step(step);
        if let Some((key, _)) = self.far.best() {
            self.set_base(key, TOUCH_WORD);
            self.pull();
        }
    }

    /// Learns the step from all levels, whenever there are twice as many as last time.
    #[inline]
    fn learn(&mut self) {
        if self.len() >= self.learn_at {
            self.learn_now();
        }
    }

    #[cold]
    fn learn_now(&mut self) {
        self.learn_at = self.len().saturating_mul(2);
        let best = self.key_of(self.best);
        let mut step = 0;
        for (key, _) in self.iter() {
            step = gcd(best.wrapping_sub(key) as u64, step);
            if step == self.step {
                return;
            }
        }
        if step > self.step && step <= STEP_MAX {
            self.restep(step);
        }
    }

    /// The best level's key and quantity.
    #[inline]
    pub(super) fn best(&self) -> Option<(i64, i64)> {
        (self.near > 0).then(|| (self.key_of(self.best), self.qtys[self.best % SLOTS]))
    }

    /// Keys from one slot to the next.
    #[cfg(test)]
    pub(super) fn step(&self) -> u64 {
        self.step
    }

    /// All levels, best first.
    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.slots().map(|slot| (self.key_of(slot), self.qtys[slot % SLOTS])).chain(self.far.iter())
    }

    /// Slots in use, highest first.
    #[inline]
    fn slots(&self) -> Slots<'_> {
        let word = top_bit(self.summary);
        Slots { words: &self.words, summary: self.summary & !(1 << word), word, bits: self.words[word] }
    }

    /// Σ quantity of the best 5 and the best 10 levels, saturated.
    #[inline]
    pub(super) fn sums(&self) -> (i64, i64) {
        let (mut sum, mut sum_5, mut seen) = (0i64, 0i64, 0usize);
        let mut add = |qty: i64| {
            sum = sum.saturating_add(qty);
            seen += 1;
            if seen <= 5 {
                sum_5 = sum;
            }
        };
        for slot in self.slots().take(10) {
            add(self.qtys[slot % SLOTS]);
        }
        if self.near < 10 {
            for (_, qty) in self.far.iter().take(10 - self.near) {
                add(qty);
            }
        }
        (sum_5, sum)
    }

    /// Multiplies keys (by `key_of`, whose inverse image of a step is `mult` steps) and quantities. `None`: it does not fit.
    pub(super) fn rescale(&mut self, key_of: impl Fn(i64) -> Option<i64>, mult: i64, qty_mult: i64) -> Option<()> {
        self.flush();
        self.far.rescale(&key_of, qty_mult)?;
        let step = self.step.checked_mul(u64::try_from(mult).ok()?).filter(|&s| s <= STEP_MAX).unwrap_or(1);
        self.restep(step);
        Some(())
    }
}

/// See [`Half::slots`].
struct Slots<'a> {
    words: &'a [u64; 64],
    summary: u64,
    word: usize,
    bits: u64,
}

impl Iterator for Slots<'_> {
    type Item = usize;

    #[inline]
    fn next(&mut self) -> Option<usize> {
        if self.bits == 0 {
            if self.summary == 0 {
                return None;
            }
            self.word = top_bit(self.summary);
            self.summary &= !(1 << self.word);
            self.bits = self.words[self.word];
        }
        let bit = top_bit(self.bits);
        self.bits &= !(1 << bit);
        Some(self.word * 64 + bit)
    }
}
