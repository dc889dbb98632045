//! JSON input: a tree that keeps every member, typed reading that collects every failure with its
//! path, and declarations of shapes from which both the reader and the OpenAPI schema are made.
//!
//! The rules are those of the wire: member names and enum names match without regard to case, the
//! last of several equal members wins, unknown members are ignored, `null` for a list is the empty
//! list, integers may come as strings.

mod describe;
mod failures;
mod read;
mod shape;
mod tree;

pub use describe::{Audience, Describe, NullForServiceOwner, Property, Rename, Schemas, Shape};
pub(crate) use describe::{audience, described, described_as};
pub use failures::{Failures, Path};
pub(crate) use read::read_field;
pub use read::{Absent, FromJson, Member, Required, Uri, UriReference, read_document, read_uuid};
pub use shape::camel_case;
pub(crate) use shape::{input_shape, output_shape, wire_enum};
pub use tree::{Json, SyntaxFailure, parse};
