//! Request bodies.

use std::time::Duration;

use aws_lc_rs::digest;
use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::params::IDEMPOTENCY_KEY;
use super::problem::Problem;
use crate::dialog::limits;
use crate::json::{Failures, Json, Path, parse};

/// A JSON body of at most 20 000 000 bytes, and the SHA-256 of its bytes where the request has an
/// idempotency key. Its media type has been checked before.
pub struct JsonBody(pub Json, pub Option<Vec<u8>>);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let has_key = request.headers().contains_key(IDEMPOTENCY_KEY);
        let bytes = read(request, limits::BODY_BYTES).await?;
        let digest = has_key.then(|| digest::digest(&digest::SHA256, &bytes).as_ref().to_vec());
        parse(&bytes).map(|json| Self(json, digest)).map_err(|failure| {
            let mut failures = Failures::new();
            let key = if failure.path.is_empty() { "SerializerErrors" } else { &failure.path };
            failures.unreadable(&Path::Root(key), failure.text);
            Problem::invalid(failures)
        })
    }
}

/// How long a body may take to arrive; less than a request may take as a whole.
const PATIENCE: Duration = Duration::from_secs(20);

/// Why a body was not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unread {
    /// It has more bytes than it may have.
    TooLarge,
    /// It took too long to arrive.
    TooSlow,
    /// The connection broke.
    Broken,
}

impl From<Unread> for Problem {
    fn from(unread: Unread) -> Self {
        match unread {
            Unread::TooLarge => Self::new(StatusCode::PAYLOAD_TOO_LARGE).header(header::CONNECTION, "close"),
            Unread::TooSlow => Self::new(StatusCode::REQUEST_TIMEOUT).header(header::CONNECTION, "close"),
            Unread::Broken => {
                let mut failures = Failures::new();
                failures.add_key("SerializerErrors", "The body did not arrive as a whole.");
                Self::invalid(failures)
            }
        }
    }
}

/// Reads a body of at most so many bytes.
///
/// # Errors
/// When it is larger, or does not arrive.
pub async fn read(request: Request, most: usize) -> Result<bytes::Bytes, Unread> {
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    let mut body = request.into_body();
    if announced.is_some_and(|length| length > most as u64) {
        discard(body).await;
        return Err(Unread::TooLarge);
    }
    let arriving = Limited::new(&mut body, most).collect();
    let Ok(arrived) = tokio::time::timeout(PATIENCE, arriving).await else {
        return Err(Unread::TooSlow);
    };
    match arrived {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            discard(body).await;
            Err(Unread::TooLarge)
        }
        Err(_) => Err(Unread::Broken),
    }
}

/// Reads what is left of a body, within reason. Most clients write all of a request before they read
/// the answer, and would lose it if the connection were closed while they write.
async fn discard(mut body: Body) {
    let discarded = async {
        let mut left = 4 * limits::BODY_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            let length = frame.data_ref().map_or(0, bytes::Bytes::len);
            if length > left {
                return;
            }
            left -= length;
        }
    };
    let _ = tokio::time::timeout(Duration::from_secs(5), discarded).await;
}
