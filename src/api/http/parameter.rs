//! Parameters as the published documents have them. [`super::params`] reads them.

use uuid::Uuid;

use crate::json::{Describe, Shape};

/// Where a parameter is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the query string.
    Query,
    /// In a header.
    Header,
}

/// A parameter of an operation. Those in the path are known from the path.
#[derive(Clone, Copy, Debug)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Where it is.
    pub place: Place,
    /// Whether it must be given.
    pub is_required: bool,
    /// Its schema.
    pub shape: Shape,
    /// What it does.
    pub about: &'static str,
}

impl Parameter {
    /// A parameter in the query string; a `Vec` is repeated.
    pub const fn query<T: Describe>(name: &'static str, about: &'static str) -> Self {
        Self { name, place: Place::Query, is_required: false, shape: T::describe, about }
    }

    /// A header.
    pub const fn header<T: Describe>(name: &'static str, about: &'static str) -> Self {
        Self { name, place: Place::Header, is_required: false, shape: T::describe, about }
    }

    /// The same, to be given always.
    #[must_use]
    pub const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }
}

/// Read by [`Params::expected`](super::params::Params::expected). The operation can answer 412.
pub const IF_MATCH: Parameter = Parameter::header::<Option<Uuid>>(
    "If-Match",
    "The revision that the change is meant for, from `ETag` or the member `revision`, with or without quotes; \
     `*` and lists are possible too. Something else than the present revision: 412.",
);

/// Read by [`Params::has_revision`](super::params::Params::has_revision). The operation can answer 304.
pub const IF_NONE_MATCH: Parameter = Parameter::header::<Option<String>>(
    "If-None-Match",
    "Entity tags of what the client has already; answered with 304 while it is current.",
);

/// Read by [`Params::languages`](super::params::Params::languages).
pub const ACCEPT_LANGUAGE: Parameter = Parameter::header::<Option<String>>(
    "Accept-Language",
    "Wanted languages with weights (RFC 9110, section 12.5.4). Texts then come in the one language that fits \
     best, otherwise in all.",
);

/// Read by [`Params::instance_reference`](super::params::Params::instance_reference).
pub const INSTANCE_REF: Parameter = Parameter::query::<String>(
    "instanceRef",
    "`urn:altinn:instance-id:{party id}/{uuid}`, `urn:altinn:correspondence-id:{uuid}` or \
     `urn:altinn:dialog-id:{uuid}`.",
)
.required();

/// Read by [`Params::idempotency_key`](super::params::Params::idempotency_key); a parameter of every POST.
pub const IDEMPOTENCY_KEY: Parameter = Parameter::header::<Option<String>>(
    "Idempotency-Key",
    "A key of 1 to 255 characters under which the request is carried out once: when it comes again within 24 \
     hours, the first answer is repeated.",
);

/// Read by [`Params::is_silent`](super::params::Params::is_silent).
pub const IS_SILENT_UPDATE: Parameter = Parameter::query::<Option<bool>>(
    "isSilentUpdate",
    "Whether to change the dialog without events and without moving `updatedAt` and `contentUpdatedAt`: for \
     migrations and corrections.",
);

/// Read before every operation of service owners.
pub const END_USER_ID: Parameter = Parameter::query::<Option<String>>(
    "endUserId",
    "Act for this person, `urn:altinn:person:identifier-no:` and the identity number: only what the person may \
     see is given.",
);
