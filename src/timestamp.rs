//! Moments in time as the wire and the database have them: UTC, microseconds.

use std::fmt;

use chrono::{DateTime, Datelike, Duration, NaiveDate, TimeZone, Timelike, Utc};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A moment in UTC with microsecond precision.
///
/// Written with exactly seven fraction digits and `Z`: `2024-05-01T10:00:00.1234560Z`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(DateTime<Utc>);

impl Timestamp {
    /// The moment `time`, cut to microseconds.
    #[must_use]
    pub fn new(time: DateTime<Utc>) -> Self {
        let nanoseconds = time.nanosecond() / 1_000 * 1_000;
        Self(time.with_nanosecond(nanoseconds).unwrap_or(time))
    }

    /// The moment `seconds` after 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn from_unix_seconds(seconds: i64) -> Option<Self> {
        Utc.timestamp_opt(seconds, 0).single().map(Self::new)
    }

    /// The moment `microseconds` after 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn from_unix_microseconds(microseconds: i64) -> Option<Self> {
        Utc.timestamp_micros(microseconds).single().map(Self::new)
    }

    /// Whole seconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_seconds(self) -> i64 {
        self.0.timestamp()
    }

    /// Whole milliseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_milliseconds(self) -> i64 {
        self.0.timestamp_millis()
    }

    /// Microseconds since 1970-01-01T00:00:00Z.
    #[must_use]
    pub fn unix_microseconds(self) -> i64 {
        self.0.timestamp_micros()
    }

    /// The same moment for the database.
    #[must_use]
    pub fn utc(self) -> DateTime<Utc> {
        self.0
    }

    /// This moment and `seconds` more, or the moment itself where that is out of range.
    #[must_use]
    pub fn plus_seconds(self, seconds: i64) -> Self {
        Duration::try_seconds(seconds).and_then(|d| self.0.checked_add_signed(d)).map_or(self, Self)
    }

    /// Whether this is the zero date `0001-01-01T00:00:00Z`, which clients send for "none".
    #[must_use]
    pub fn is_zero(self) -> bool {
        self.unix_seconds() == -62_135_596_800 && self.0.timestamp_subsec_micros() == 0
    }

    /// Reads the wire's form: `YYYY-MM-DDThh:mm[:ss[.f…]]` and `Z` or `±hh:mm`.
    ///
    /// One to sixteen fraction digits; those past the seventh count for nothing. Years 0001–9999.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let (local, offset) = split_offset(text)?;
        let (date, time) = local.split_once('T')?;
        Self::from_parts(date, Some(time), offset)
    }

    /// Reads the more lenient form of query parameters: [`Self::parse`], or without offset (UTC),
    /// or a date alone (midnight UTC). A space where `+` belongs is read as `+`.
    #[must_use]
    pub fn parse_query(text: &str) -> Option<Self> {
        let text = &text.replace(' ', "+");
        if let Some(moment) = Self::parse(text) {
            return Some(moment);
        }
        match text.split_once('T') {
            Some((date, time)) => Self::from_parts(date, Some(time), 0),
            None => Self::from_parts(text, None, 0),
        }
    }

    fn from_parts(date: &str, time: Option<&str>, offset_minutes: i64) -> Option<Self> {
        let [year, month, day] = fields(date, '-')?;
        let date = NaiveDate::from_ymd_opt(
            i32::try_from(digits(year, 4)?).ok()?,
            digits(month, 2)?,
            digits(day, 2)?,
        )?;
        let (hour, minute, second, nanosecond) = match time {
            Some(time) => clock_time(time)?,
            None => (0, 0, 0, 0),
        };
        let local = date.and_hms_nano_opt(hour, minute, second, nanosecond)?;
        let moment = Utc.from_utc_datetime(&local) - Duration::minutes(offset_minutes);
        let years = NaiveDate::from_ymd_opt(1, 1, 1)?..=NaiveDate::from_ymd_opt(9999, 12, 31)?;
        years.contains(&moment.date_naive()).then(|| Self::new(moment))
    }
}

fn split_offset(text: &str) -> Option<(&str, i64)> {
    if let Some(local) = text.strip_suffix('Z') {
        return Some((local, 0));
    }
    if !text.is_ascii() || text.len() < 6 {
        return None;
    }
    let (local, offset) = text.split_at(text.len() - 6);
    let sign = match offset.as_bytes()[0] {
        b'+' => 1,
        b'-' => -1,
        _ => return None,
    };
    let (hours, minutes) = offset[1..].split_once(':')?;
    let (hours, minutes) = (digits(hours, 2)?, digits(minutes, 2)?);
    (hours <= 14 && minutes < 60).then(|| (local, sign * (i64::from(hours) * 60 + i64::from(minutes))))
}

fn clock_time(text: &str) -> Option<(u32, u32, u32, u32)> {
    let (hour, rest) = text.split_once(':')?;
    let (minute, second, fraction) = match rest.split_once(':') {
        None => (rest, "00", None),
        Some((minute, rest)) => match rest.split_once('.') {
            None => (minute, rest, None),
            Some((second, fraction)) => (minute, second, Some(fraction)),
        },
    };
    let nanosecond = match fraction {
        None => 0,
        Some(f) if f.is_empty() || f.len() > 16 || !f.bytes().all(|b| b.is_ascii_digit()) => return None,
        Some(f) => format!("{f:0<7.7}").parse::<u32>().ok()? * 100,
    };
    let second = digits(second, 2)?;
    (second < 60).then_some((digits(hour, 2)?, digits(minute, 2)?, second, nanosecond))
}

fn fields(text: &str, separator: char) -> Option<[&str; 3]> {
    let mut parts = text.split(separator);
    let fields = [parts.next()?, parts.next()?, parts.next()?];
    parts.next().is_none().then_some(fields)
}

fn digits(text: &str, count: usize) -> Option<u32> {
    (text.len() == count && text.bytes().all(|b| b.is_ascii_digit())).then(|| text.parse().ok())?
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // As chrono's own format "%Y-%m-%dT%H:%M:%S", without reading that anew for every moment.
        let (date, time) = (self.0.date_naive(), self.0.time());
        write!(
            f,
            "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}0Z",
            date.year(),
            date.month(),
            date.day(),
            time.hour(),
            time.minute(),
            time.second(),
            self.0.timestamp_subsec_micros()
        )
    }
}

impl Serialize for Timestamp {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Timestamp {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::parse(&text)
            .or_else(|| text.parse::<DateTime<Utc>>().ok().map(Self::new))
            .ok_or_else(|| serde::de::Error::custom("not a timestamp"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_accepted_forms_and_writes_one() {
        for (text, out) in [
            ("2033-01-01T10:00:00+02:00", "2033-01-01T08:00:00.0000000Z"),
            ("2033-01-01T10:00Z", "2033-01-01T10:00:00.0000000Z"),
            ("2024-05-01T10:00:00.123456789Z", "2024-05-01T10:00:00.1234560Z"),
            ("2024-05-01T10:00:00.1234567890123456Z", "2024-05-01T10:00:00.1234560Z"),
            ("2024-05-01T10:00:00.5-00:30", "2024-05-01T10:30:00.5000000Z"),
            ("0001-01-01T00:00:00Z", "0001-01-01T00:00:00.0000000Z"),
            ("9999-12-31T23:59:59Z", "9999-12-31T23:59:59.0000000Z"),
        ] {
            assert_eq!(Timestamp::parse(text).expect(text).to_string(), out);
        }
        assert!(Timestamp::parse("0001-01-01T00:00:00Z").unwrap().is_zero());
    }

    #[test]
    fn refuses_everything_else() {
        for text in [
            "2033-01-01T10:00:00",
            "2033-01-01",
            "2033-01-01T10:00:00z",
            "2033-01-01t10:00:00Z",
            "2033-01-01T10:00:00+02",
            "2033-01-01T10:00:00+0200",
            "2033-01-01 10:00:00Z",
            "2033-13-01T10:00:00Z",
            "2033-02-30T10:00:00Z",
            "2033-01-01T24:00:00Z",
            "2033-01-01T10:00:60Z",
            "2033-01-01T10:00:00.Z",
            "2033-01-01T10:00:00.12345678901234567Z",
            "33-01-01T10:00:00Z",
            "0000-01-01T00:00:00Z",
            "0001-01-01T00:00:00+01:00",
            "",
            "Z",
            "é",
            "2033-01-01T10:00:00+99:00",
            "ææææææææ+02:00",
        ] {
            assert_eq!(Timestamp::parse(text), None, "{text}");
        }
    }

    #[test]
    fn query_parameters_may_leave_out_offset_and_time() {
        for (text, out) in [
            ("2033-01-01T10:00:00", "2033-01-01T10:00:00.0000000Z"),
            ("2033-01-01", "2033-01-01T00:00:00.0000000Z"),
            ("2033-01-01T10:00:00 02:00", "2033-01-01T08:00:00.0000000Z"),
        ] {
            assert_eq!(Timestamp::parse_query(text).expect(text).to_string(), out);
        }
        assert_eq!(Timestamp::parse_query("yesterday"), None);
    }
}
