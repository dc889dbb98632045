//! Identity numbers that are valid, and of nobody.

use crate::dialog::party::{with_check_digit, with_check_digits};

/// Organisation numbers, growing. Real ones begin with 8 or 9.
pub(super) fn organizations() -> impl Iterator<Item = String> {
    (21_000_000_u32..29_000_000).filter_map(|stem| with_check_digit(&stem.to_string()))
}

/// Identity numbers of people. The number of the month is 80 too high, as in the synthetic population of
/// the Norwegian Tax Administration: nobody real has such a number.
pub(super) fn persons() -> impl Iterator<Item = String> {
    (0_u32..8_000_000).filter_map(|n| {
        let (day, month, year) = (1 + n % 28, 81 + n / 28 % 12, 40 + n / 336 % 60);
        let individual = n / 20_160;
        with_check_digits(&format!("{day:02}{month:02}{year:02}{individual:03}"))
    })
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;
    use crate::dialog::party::{is_organization_number, is_person_number};

    #[test]
    fn numbers_are_valid_and_differ() {
        let organizations: HashSet<String> = organizations().take(30_000).collect();
        assert_eq!(organizations.len(), 30_000);
        assert!(organizations.iter().all(|number| is_organization_number(number)));
        let persons: HashSet<String> = persons().take(30_000).collect();
        assert_eq!(persons.len(), 30_000);
        assert!(persons.iter().all(|number| is_person_number(number)));
    }
}
