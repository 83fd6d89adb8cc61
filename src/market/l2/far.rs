//! Hot: the levels far from the touch, as a two-level sorted list: blocks of at most 64 levels, and a directory of blocks,
//! both ascending in *key* (it grows towards the touch).
//!
//! A change costs a binary search in the directory and another in a block, and moves at most 512 bytes twice: there is no
//! bad case as with one sorted array. Nothing is allocated after `new`; the room is only reserved, so untouched pages cost
//! nothing.

use super::Change;

/// Levels of a block.
const BLOCK: usize = 64;
/// A block that shrinks below this is merged with a neighbour if both fit in [`MERGED_MAX`].
const SPARSE: usize = 16;
/// The most levels of a merged block, so that it does not split again at once.
const MERGED_MAX: usize = 48;
/// Levels at the end of a block that are looked at one by one before a binary search takes over.
const NEAR: usize = 8;

/// One block of the directory.
#[derive(Clone, Copy, Debug)]
struct Entry {
    /// Its smallest key.
    low: i64,
    /// Where it lies.
    block: u32,
    /// Its levels, at least 1.
    len: u32,
}

/// The levels of one side that lie far from the touch.
#[derive(Debug)]
pub(super) struct Far {
    keys: Vec<[i64; BLOCK]>,
    qtys: Vec<[i64; BLOCK]>,
    directory: Vec<Entry>,
    free: Vec<u32>,
    pub(super) levels: usize,
    blocks_max: usize,
}

/// The number of keys below or equal to `key` among the first `len`.
#[inline]
fn upper_bound(keys: &[i64; BLOCK], len: usize, key: i64) -> usize {
    let keys = &keys[..len.min(BLOCK)];
    let near = keys.len().saturating_sub(NEAR);
    let mut at = keys.len();
    while at > near {
        if keys[at - 1] <= key {
            return at;
        }
        at -= 1;
    }
    keys[..near].partition_point(|&k| k <= key)
}

impl Far {
    pub(super) fn new(levels_max: usize) -> Self {
        // Two neighbouring blocks hold at least 17 levels together (see SPARSE), hence levels ÷ 8.5 blocks.
        let blocks_max = levels_max / 8 + 4;
        Self {
            keys: Vec::with_capacity(blocks_max),
            qtys: Vec::with_capacity(blocks_max),
            directory: Vec::with_capacity(blocks_max),
            free: Vec::with_capacity(blocks_max),
            levels: 0,
            blocks_max,
        }
    }

    /// Nothing, without room: stands in while the list is worked on.
    pub(super) fn none() -> Self {
        Self { keys: Vec::new(), qtys: Vec::new(), directory: Vec::new(), free: Vec::new(), levels: 0, blocks_max: 0 }
    }

    /// Blocks that there is room for.
    #[cfg(test)]
    pub(super) fn room(&self) -> usize {
        self.keys.capacity()
    }

    pub(super) fn clear(&mut self) {
        self.keys.clear();
        self.qtys.clear();
        self.directory.clear();
        self.free.clear();
        self.levels = 0;
    }

    /// The entry that holds or would hold `key`. The directory is not empty.
    #[inline]
    fn find(&self, key: i64) -> usize {
        let last = self.directory.len() - 1;
        if self.directory[last].low <= key {
            return last;
        }
        self.directory[..last].partition_point(|e| e.low <= key).saturating_sub(1)
    }

    fn take_block(&mut self) -> Option<u32> {
        if let Some(block) = self.free.pop() {
            return Some(block);
        }
        if self.keys.len() >= self.blocks_max {
            return None;
        }
        self.keys.push([0; BLOCK]);
        self.qtys.push([0; BLOCK]);
        Some(self.keys.len() as u32 - 1)
    }

    #[inline]
    pub(super) fn get(&self, key: i64) -> i64 {
        if self.directory.is_empty() {
            return 0;
        }
        let entry = self.directory[self.find(key)];
        let keys = &self.keys[entry.block as usize];
        let at = upper_bound(keys, entry.len as usize, key);
        if at > 0 && keys[at - 1] == key { self.qtys[entry.block as usize][at - 1] } else { 0 }
    }

    #[inline]
    pub(super) fn set(&mut self, key: i64, qty: i64) -> Change {
        if self.directory.is_empty() {
            return if qty == 0 { Change::None } else { self.insert_first(key, qty) };
        }
        let index = self.find(key);
        let entry = self.directory[index];
        let (block, len) = (entry.block as usize, entry.len as usize);
        let at = upper_bound(&self.keys[block], len, key);
        if at > 0 && self.keys[block][at - 1] == key {
            if qty == 0 {
                self.remove(index, at - 1);
                return Change::Made;
            }
            let held = &mut self.qtys[block][at - 1];
            if *held == qty {
                return Change::None;
            }
            *held = qty;
            return Change::Made;
        }
        if qty == 0 {
            return Change::None;
        }
        if len < BLOCK {
            self.insert(index, at, key, qty);
            Change::Made
        } else {
            self.insert_split(index, at, key, qty)
        }
    }

    #[cold]
    fn insert_first(&mut self, key: i64, qty: i64) -> Change {
        let Some(block) = self.take_block() else { return Change::Full };
        self.keys[block as usize][0] = key;
        self.qtys[block as usize][0] = qty;
        self.directory.push(Entry { low: key, block, len: 1 });
        self.levels = 1;
        Change::Made
    }

    /// Removes the level furthest from the touch.
    pub(super) fn drop_lowest(&mut self) {
        if !self.directory.is_empty() {
            self.remove(0, 0);
        }
    }

    /// The smallest key.
    pub(super) fn lowest(&self) -> Option<i64> {
        self.directory.first().map(|entry| entry.low)
    }

    /// Takes the level nearest to the touch away.
    pub(super) fn pop_best(&mut self) {
        if let Some(last) = self.directory.len().checked_sub(1) {
            self.remove(last, self.directory[last].len as usize - 1);
        }
    }

    /// Inserts in front of position `at` of the entry's block, which has room.
    #[inline]
    fn insert(&mut self, index: usize, at: usize, key: i64, qty: i64) {
        let entry = &mut self.directory[index];
        let len = entry.len as usize;
        let (keys, qtys) = (&mut self.keys[entry.block as usize], &mut self.qtys[entry.block as usize]);
        keys.copy_within(at..len, at + 1);
        qtys.copy_within(at..len, at + 1);
        keys[at] = key;
        qtys[at] = qty;
        entry.len += 1;
        if at == 0 {
            entry.low = key;
        }
        self.levels += 1;
    }

    #[cold]
    fn insert_split(&mut self, index: usize, at: usize, key: i64, qty: i64) -> Change {
        const HALF: usize = BLOCK / 2;
        let Some(new) = self.take_block() else { return Change::Full };
        let old = self.directory[index].block as usize;
        let (keys, qtys) = (self.keys[old], self.qtys[old]);
        self.keys[new as usize][..HALF].copy_from_slice(&keys[HALF..]);
        self.qtys[new as usize][..HALF].copy_from_slice(&qtys[HALF..]);
        self.directory[index].len = HALF as u32;
        self.directory.insert(index + 1, Entry { low: keys[HALF], block: new, len: HALF as u32 });
        if at <= HALF {
            self.insert(index, at, key, qty);
        } else {
            self.insert(index + 1, at - HALF, key, qty);
        }
        Change::Made
    }

    #[inline]
    fn remove(&mut self, index: usize, at: usize) {
        let entry = &mut self.directory[index];
        let len = entry.len as usize;
        let (keys, qtys) = (&mut self.keys[entry.block as usize], &mut self.qtys[entry.block as usize]);
        keys.copy_within(at + 1..len, at);
        qtys.copy_within(at + 1..len, at);
        entry.len -= 1;
        self.levels -= 1;
        if len == 1 {
            let block = entry.block;
            self.directory.remove(index);
            self.free.push(block);
            return;
        }
        if at == 0 {
            entry.low = keys[0];
        }
        if len - 1 < SPARSE {
            self.merge(index);
        }
    }

    #[cold]
    fn merge(&mut self, index: usize) {
        let fits = |a: usize| {
            let (low, high) = (self.directory.get(a)?, self.directory.get(a + 1)?);
            ((low.len + high.len) as usize <= MERGED_MAX).then_some(a)
        };
        let Some(low) = index.checked_sub(1).and_then(fits).or_else(|| fits(index)) else { return };
        let (a, b) = (self.directory[low], self.directory[low + 1]);
        let (from, to) = (a.len as usize, (a.len + b.len) as usize);
        let (keys, qtys) = (self.keys[b.block as usize], self.qtys[b.block as usize]);
        self.keys[a.block as usize][from..to].copy_from_slice(&keys[..b.len as usize]);
        self.qtys[a.block as usize][from..to].copy_from_slice(&qtys[..b.len as usize]);
        self.directory[low].len = to as u32;
        self.directory.remove(low + 1);
        self.free.push(b.block);
    }

    /// The best level's key and quantity.
    #[inline]
    pub(super) fn best(&self) -> Option<(i64, i64)> {
        let entry = self.directory.last()?;
        let at = entry.len as usize - 1;
        Some((self.keys[entry.block as usize][at], self.qtys[entry.block as usize][at]))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (i64, i64)> + '_ {
        self.directory.iter().rev().flat_map(|entry| {
            let (keys, qtys) = (&self.keys[entry.block as usize], &self.qtys[entry.block as usize]);
            (0..entry.len as usize).rev().map(|at| (keys[at], qtys[at]))
        })
    }

    pub(super) fn rescale(&mut self, key_of: impl Fn(i64) -> Option<i64>, qty_mult: i64) -> Option<()> {
        for entry in &mut self.directory {
            let len = (entry.len as usize).min(BLOCK);
            for key in &mut self.keys[entry.block as usize][..len] {
                *key = key_of(*key)?;
            }
            for qty in &mut self.qtys[entry.block as usize][..len] {
                *qty = qty.checked_mul(qty_mult)?;
            }
            entry.low = self.keys[entry.block as usize][0];
        }
        Some(())
    }
}
