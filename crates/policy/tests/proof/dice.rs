//! Randomness that a number repeats.

/// The generator SplitMix64: small, and good enough to draw test cases.
pub struct Dice(u64);

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut it = self.0;
        it = (it ^ (it >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        it = (it ^ (it >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        it ^ (it >> 31)
    }

    /// A number below the limit.
    pub fn below(&mut self, limit: usize) -> usize {
        (self.roll() % limit as u64) as usize
    }

    /// Whether the one chance in so many came up.
    pub fn one_in(&mut self, chances: usize) -> bool {
        self.below(chances) == 0
    }

    pub fn pick<T: Copy>(&mut self, among: &[T]) -> T {
        among[self.below(among.len())]
    }

    /// One of them three times in four.
    pub fn maybe<T: Copy>(&mut self, among: &[T]) -> Option<T> {
        (!self.one_in(4)).then(|| self.pick(among))
    }

    /// One of the usual ones, and one time in sixteen one of the others.
    pub fn rarely<T: Copy>(&mut self, usual: &[T], others: &[T]) -> T {
        if self.one_in(16) {
            self.pick(others)
        } else {
            self.pick(usual)
        }
    }
}
