//! Made-up data for trying out and measuring: as skewed as real data is.
//!
//! Everything follows from a number: the same number and size give the same rows, on every machine. The
//! dates of the data set are fixed too, so that nothing depends on when it is made.

mod catalogue;
mod dialogs;
mod numbers;
mod profile;
mod random;
mod texts;

pub use catalogue::catalogue;
pub use dialogs::dialog;
pub use profile::{
    BIGGEST, COMMON_WORD, Profile, RARE_EXTENDED_STATUS, RARE_LABEL, RARE_STATUS, Service, User,
};
pub use texts::vocabulary;
