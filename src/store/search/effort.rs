/// How much a search reads before it takes another way. What it finds does not depend on this, only how
/// soon it is found and, with the budget, how short a page may be.
#[derive(Clone, Copy, Debug)]
pub struct SearchEffort {
    /// So many streams are read without looking for a bound first.
    pub few_streams: usize,
    /// Rows that the first looks into all streams together may read.
    pub first_looks: usize,
    /// Fewest rows of one look; at least 1.
    pub shortest_look: usize,
    /// Most rows of one look.
    pub longest_look: usize,
    /// Rows that one round of looks may read.
    pub round: usize,
    /// Rows that all rounds of one page may read; a page that needs more is cut short.
    pub budget: usize,
    /// More entries than this of an index of words or labels are not taken for few.
    pub candidates: i64,
}

impl Default for SearchEffort {
    fn default() -> Self {
        Self {
            few_streams: 8,
            first_looks: 32_000,
            shortest_look: 16,
            longest_look: 4_000,
            round: 16_000,
            budget: 64_000,
            candidates: 20_000,
        }
    }
}
