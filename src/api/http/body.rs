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
        let bytes = read(request).await?;
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

async fn read(request: Request) -> Result<bytes::Bytes, Problem> {
    let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE).header(header::CONNECTION, "close");
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    let mut body = request.into_body();
    if announced.is_some_and(|length| length > limits::BODY_BYTES as u64) {
        discard(body).await;
        return Err(too_large());
    }
    let arriving = Limited::new(&mut body, limits::BODY_BYTES).collect();
    let Ok(arrived) = tokio::time::timeout(PATIENCE, arriving).await else {
        return Err(Problem::new(StatusCode::REQUEST_TIMEOUT).header(header::CONNECTION, "close"));
    };
    match arrived {
        Ok(collected) => Ok(collected.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => {
            discard(body).await;
            Err(too_large())
        }
        Err(_) => {
            let mut failures = Failures::new();
            failures.add_key("SerializerErrors", "The body did not arrive as a whole.");
            Err(Problem::invalid(failures))
        }
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
