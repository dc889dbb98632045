//! Numbers that look random and are not: the same for the same seed.

/// Sebastiano Vigna's `SplitMix64`: small, fast, and good enough for data that only has to look random.
#[derive(Clone, Debug)]
pub(super) struct Random(u64);

const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

impl Random {
    /// One of many independent series.
    pub fn new(seed: u64, series: u64) -> Self {
        Self(mix(mix(seed.wrapping_add(STEP)) ^ series.wrapping_mul(STEP)))
    }

    /// 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number below `end`, which must not be 0.
    pub fn below(&mut self, end: u64) -> u64 {
        let product = u128::from(self.bits()) * u128::from(end);
        u64::try_from(product >> 64).unwrap_or_default()
    }

    /// [`below`](Self::below) for indexes.
    pub fn index(&mut self, end: usize) -> usize {
        usize::try_from(self.below(end as u64)).unwrap_or_default()
    }

    /// True so many times in a thousand.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// One of a list that is not empty.
    pub fn pick<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.index(list.len())]
    }
}

/// Ranks of which the first are drawn far more often than the last: rank `k` as often as
/// `1 / (k + flatness)` (Zipf's law, as Mandelbrot has flattened it at the top).
#[derive(Clone, Debug)]
pub(super) struct Zipf {
    /// For each rank the weights of it and all before.
    cumulative: Vec<u64>,
}

impl Zipf {
    pub fn new(ranks: usize, flatness: u64) -> Self {
        let weights = (1..=ranks as u64).map(|rank| 1_000_000_000_000 / (rank + flatness));
        let sums = weights.scan(0, |sum, weight| {
            *sum += weight;
            Some(*sum)
        });
        Self { cumulative: sums.collect() }
    }

    /// A rank, from 0.
    pub fn rank(&self, random: &mut Random) -> usize {
        let total = self.cumulative.last().copied().unwrap_or(1);
        let at = random.below(total);
        self.cumulative.partition_point(|sum| *sum <= at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn series_repeat_and_differ() {
        let draw = |seed, series| {
            let mut random = Random::new(seed, series);
            [random.bits(), random.bits(), random.below(10)]
        };
        assert_eq!(draw(1, 2), draw(1, 2));
        assert_ne!(draw(1, 2), draw(1, 3));
        assert_ne!(draw(1, 2), draw(2, 2));
        let mut random = Random::new(1, 1);
        let mut seen = [0; 10];
        (0..10_000).for_each(|_| seen[random.index(10)] += 1);
        assert!(seen.iter().all(|count| (850..1_150).contains(count)), "{seen:?}");
    }

    #[test]
    fn first_ranks_are_drawn_most() {
        let (zipf, mut random) = (Zipf::new(1_000, 2), Random::new(1, 1));
        let mut seen = vec![0; 1_000];
        (0..100_000).for_each(|_| seen[zipf.rank(&mut random)] += 1);
        assert!(seen[0] > 4_000 && seen[0] > 30 * seen[97], "{} {}", seen[0], seen[97]);
        assert!(seen[900..].iter().sum::<u32>() > 500);
    }
}
