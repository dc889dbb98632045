//! Rows in the binary format of `COPY` (PostgreSQL manual, chapter `COPY`, "Binary Format").

use serde::Serialize;
use uuid::Uuid;

use crate::timestamp::Timestamp;

/// Signature, flags, and the length of a header extension that there is not.
const HEADER: &[u8] = b"PGCOPY\n\xff\r\n\0\0\0\0\0\0\0\0\0";
/// Microseconds from 1970 to 2000, where PostgreSQL's time begins.
const EPOCH: i64 = 946_684_800_000_000;

/// Rows of one table.
pub(super) struct Rows {
    bytes: Vec<u8>,
    columns: i16,
}

impl Rows {
    pub fn new(columns: i16) -> Self {
        Self { bytes: HEADER.to_vec(), columns }
    }

    /// Begins a row; as many values as there are columns must follow.
    pub fn row(&mut self) -> &mut Self {
        self.bytes.extend(self.columns.to_be_bytes());
        self
    }

    pub fn value(&mut self, value: impl Value) -> &mut Self {
        let start = self.bytes.len();
        self.bytes.extend([0; 4]);
        let length = if value.put(&mut self.bytes) { length(self.bytes.len() - start - 4) } else { -1 };
        self.bytes[start..start + 4].copy_from_slice(&length.to_be_bytes());
        self
    }

    pub fn is_empty(&self) -> bool {
        self.bytes.len() == HEADER.len()
    }

    /// All of it, with the mark of the end.
    pub fn finish(mut self) -> Vec<u8> {
        self.bytes.extend((-1_i16).to_be_bytes());
        self.bytes
    }
}

fn length(bytes: usize) -> i32 {
    i32::try_from(bytes).unwrap_or(i32::MAX)
}

/// What a column can hold.
pub(super) trait Value {
    /// Appends the value; false for null, where nothing is appended.
    fn put(self, bytes: &mut Vec<u8>) -> bool;
}

impl<T: Value> Value for Option<T> {
    fn put(self, bytes: &mut Vec<u8>) -> bool {
        self.is_some_and(|value| value.put(bytes))
    }
}

impl Value for Uuid {
    fn put(self, bytes: &mut Vec<u8>) -> bool {
        bytes.extend(self.as_bytes());
        true
    }
}

impl Value for Timestamp {
    fn put(self, bytes: &mut Vec<u8>) -> bool {
        (self.unix_microseconds() - EPOCH).put(bytes)
    }
}

impl Value for bool {
    fn put(self, bytes: &mut Vec<u8>) -> bool {
        bytes.push(u8::from(self));
        true
    }
}

impl Value for i16 {
    fn put(self, bytes: &mut Vec<u8>) -> bool {
        bytes.extend(self.to_be_bytes());
        true
    }
}

impl Value for i32 {
    fn put(self, bytes: &mut Vec<u8>) -> bool {
        bytes.extend(self.to_be_bytes());
        true
    }
}

impl Value for i64 {
    fn put(self, bytes: &mut Vec<u8>) -> bool {
        bytes.extend(self.to_be_bytes());
        true
    }
}

impl Value for &str {
    fn put(self, bytes: &mut Vec<u8>) -> bool {
        bytes.extend(self.as_bytes());
        true
    }
}

/// A value of type `jsonb`.
pub(super) struct Document<T>(pub T);

impl<T: Serialize> Value for Document<T> {
    fn put(self, bytes: &mut Vec<u8>) -> bool {
        // The version of the format.
        bytes.push(1);
        // Writing to memory does not fail, and all keys are texts.
        serde_json::to_writer(bytes, &self.0).is_ok()
    }
}

/// A value of type `tsvector`: words in the order of their bytes, each with its positions, whose two
/// highest bits are the weight.
pub(super) struct Lexemes<'a>(pub &'a [(&'a str, u16)]);

impl Value for Lexemes<'_> {
    fn put(self, bytes: &mut Vec<u8>) -> bool {
        let lexemes = self.0.chunk_by(|one, next| one.0 == next.0);
        length(lexemes.clone().count()).put(bytes);
        for positions in lexemes {
            bytes.extend(positions[0].0.as_bytes());
            bytes.push(0);
            bytes.extend(u16::try_from(positions.len()).unwrap_or(u16::MAX).to_be_bytes());
            for (_, position) in positions {
                bytes.extend(position.to_be_bytes());
            }
        }
        true
    }
}
