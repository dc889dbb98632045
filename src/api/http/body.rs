//! Request bodies.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use http_body_util::{BodyExt, LengthLimitError, Limited};

use super::problem::Problem;
use crate::dialog::limits;
use crate::json::{Failures, Json, Path, parse};

/// A JSON body of at most 20 000 000 bytes. Its media type has been checked before.
pub struct JsonBody(pub Json);

impl<S: Send + Sync> FromRequest<S> for JsonBody {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let bytes = read(request).await?;
        parse(&bytes).map(Self).map_err(|failure| {
            let mut failures = Failures::new();
            let key = if failure.path.is_empty() { "SerializerErrors" } else { &failure.path };
            failures.unreadable(&Path::Root(key), failure.text);
            Problem::invalid(failures)
        })
    }
}

async fn read(request: Request) -> Result<bytes::Bytes, Problem> {
    let too_large = || Problem::new(StatusCode::PAYLOAD_TOO_LARGE).header(header::CONNECTION, "close");
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    let mut body = request.into_body();
    if announced.is_some_and(|length| length > limits::BODY_BYTES as u64) {
        discard(body).await;
        return Err(too_large());
    }
    match Limited::new(&mut body, limits::BODY_BYTES).collect().await {
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
    let mut left = 4 * limits::BODY_BYTES;
    while let Some(Ok(frame)) = body.frame().await {
        let length = frame.data_ref().map_or(0, bytes::Bytes::len);
        if length > left {
            return;
        }
        left -= length;
    }
}
