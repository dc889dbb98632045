//! Every limit on what is written, in one place. Lengths count UTF-16 code units.

/// Most units in an ordinary text.
pub const TEXT: usize = 255;
/// Most units in a link or URI.
pub const URI: usize = 1023;
/// Most units in long content: additional info and front channel embeds.
pub const LONG_CONTENT: usize = 1023;
/// Most units in the content that describes the extended status.
pub const EXTENDED_STATUS_CONTENT: usize = 25;
/// Most units, for correspondence, in content that is otherwise limited to [`TEXT`].
pub const CORRESPONDENCE_CONTENT: usize = 512;
/// Most units, for correspondence, in the description of an activity.
pub const CORRESPONDENCE_DESCRIPTION: usize = 4095;
/// Units in an idempotency key.
pub const IDEMPOTENT_KEY: std::ops::RangeInclusive<usize> = 3..=36;
/// Units in a search tag.
pub const SEARCH_TAG: std::ops::RangeInclusive<usize> = 3..=63;
/// Units in a service owner's label.
pub const SERVICE_OWNER_LABEL: std::ops::RangeInclusive<usize> = 3..=255;
/// Most labels a service owner may put on one dialog.
pub const SERVICE_OWNER_LABELS: usize = 20;
/// Dialogs whose labels are changed by one request.
pub const BULK_DIALOGS: std::ops::RangeInclusive<usize> = 1..=200;
/// Values of `progress`.
pub const PROGRESS: std::ops::RangeInclusive<i32> = 0..=100;
/// Most GUI actions of priority primary, secondary and tertiary.
pub const GUI_ACTIONS: [(super::vocabulary::DialogGuiActionPriority, usize); 3] = {
    use super::vocabulary::DialogGuiActionPriority::{Primary, Secondary, Tertiary};
    [(Primary, 1), (Secondary, 1), (Tertiary, 5)]
};
/// Deepest chain of related transmissions; a transmission that relates to none has depth 1.
pub const TRANSMISSION_DEPTH: i16 = 100;
/// Most transmissions that relate to the same one.
pub const TRANSMISSION_WIDTH: i64 = 100;
/// Most transmissions of each direction.
pub const TRANSMISSIONS_PER_DIRECTION: i32 = 32_767;
/// How far ahead of our clock a time that must have passed may lie, in seconds.
pub const CLOCK_TOLERANCE_SECONDS: i64 = 15;
/// Most operations in a patch document.
pub const PATCH_OPERATIONS: usize = 1_000;
/// Largest request body, and largest result of a patch, in bytes.
pub const BODY_BYTES: usize = 20_000_000;
