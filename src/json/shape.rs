use std::fmt::{self, Write};

/// `due_at` and `r#type` as the wire writes them: `dueAt`, `type`. Names without underscores stay.
#[must_use]
pub fn camel_case(field: &str) -> String {
    let mut text = String::with_capacity(field.len());
    let _ = write_camel_case(&mut text, field);
    text
}

pub(super) fn write_camel_case(out: &mut impl Write, field: &str) -> fmt::Result {
    let mut raise = false;
    for c in field.strip_prefix("r#").unwrap_or(field).chars() {
        if c == '_' {
            raise = true;
        } else if std::mem::take(&mut raise) {
            out.write_char(c.to_ascii_uppercase())?;
        } else {
            out.write_char(c)?;
        }
    }
    Ok(())
}

/// Declares the shape of a request body: a struct, how it is read, and its OpenAPI schema.
///
/// Member types say how a missing member and `null` are taken: see [`super::Member`]. A member may be
/// marked `[service_owner]` or `[end_user]` when only that API publishes it. A member that the
/// published contract describes otherwise is written `field: Type as Described`.
macro_rules! input_shape {
    ($(#[doc = $about:literal])+ $vis:vis struct $name:ident {
        $($(#[doc = $doc:literal])+ $([$audience:ident])? $field:ident: $ty:ty $(as $described:ty)?,)*
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug)]
        $vis struct $name {
            $($(#[doc = $doc])+ pub $field: $ty,)*
        }

        #[allow(dead_code, reason = "every shape names its members")]
        impl $name {
            /// Field names of the members, in `snake_case`, and what stands for each where it is missing.
            pub const MEMBERS: &[(&str, $crate::json::Absent)] =
                &[$((stringify!($field), <$ty as $crate::json::Member>::ABSENT)),*];
        }

        impl Default for $name {
            fn default() -> Self {
                Self { $($field: <$ty as $crate::json::Member>::absent(),)* }
            }
        }

        impl $crate::json::FromJson for $name {
            fn read(
                json: &$crate::json::Json,
                path: &$crate::json::Path<'_>,
                failures: &mut $crate::json::Failures,
            ) -> Option<Self> {
                if !matches!(json, $crate::json::Json::Object(_)) {
                    failures.unreadable(path, "must be an object.");
                    return Some(Self::default());
                }
                Some(Self {
                    $($field: $crate::json::read_field(json, stringify!($field), path, failures),)*
                })
            }
        }

        $crate::json::described!($name, concat!($($about,)+), [$((
            $crate::json::audience!($($audience)?),
            stringify!($field),
            concat!($($doc,)+),
            $crate::json::described_as!($ty $(, $described)?)
        ),)*]);
    };
}

/// Declares the shape of an answer: a struct, how it is written, and its OpenAPI schema.
///
/// Members that are `None` are left out. A member may be marked `[service_owner]` or `[end_user]`
/// when only that API has it. A member that the published contract describes otherwise is written
/// `field: Type as Described`.
macro_rules! output_shape {
    ($(#[doc = $about:literal])+ $vis:vis struct $name:ident {
        $($(#[doc = $doc:literal])+ $([$audience:ident])? $field:ident: $ty:ty $(as $described:ty)?,)*
    }) => {
        $(#[doc = $about])+
        #[serde_with::skip_serializing_none]
        #[derive(Clone, Debug, serde::Serialize)]
        #[serde(rename_all = "camelCase")]
        $vis struct $name {
            $($(#[doc = $doc])+ pub $field: $ty,)*
        }

        $crate::json::described!($name, concat!($($about,)+), [$((
            $crate::json::audience!($($audience)?),
            stringify!($field),
            concat!($($doc,)+),
            $crate::json::described_as!($ty $(, $described)?)
        ),)*]);
    };
}

/// Declares an enumeration of the wire: read without regard to case, written in PascalCase, stored
/// as a number.
macro_rules! wire_enum {
    ($(#[doc = $about:literal])+ $vis:vis enum $name:ident {
        $($(#[doc = $doc:literal])+ $variant:ident = $code:literal,)+
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Serialize, serde::Deserialize)]
        $vis enum $name {
            $($(#[doc = $doc])+ $variant = $code,)+
        }

        #[allow(dead_code, reason = "every enumeration gets the same set of conversions")]
        impl $name {
            /// Every value.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The name on the wire.
            #[must_use]
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => stringify!($variant)),+ }
            }

            /// The number in the database.
            #[must_use]
            pub fn code(self) -> i16 {
                self as i16
            }

            /// The value with this number in the database.
            #[must_use]
            pub fn from_code(code: i16) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.code() == code)
            }

            /// The value with this name, whatever its case.
            #[must_use]
            pub fn from_name(name: &str) -> Option<Self> {
                Self::ALL.iter().copied().find(|v| v.name().eq_ignore_ascii_case(name))
            }
        }

        impl $crate::json::FromJson for $name {
            fn read(
                json: &$crate::json::Json,
                path: &$crate::json::Path<'_>,
                failures: &mut $crate::json::Failures,
            ) -> Option<Self> {
                let value = match json {
                    $crate::json::Json::String(name) => Self::from_name(name),
                    _ => None,
                };
                if value.is_none() {
                    let names: Vec<_> = Self::ALL.iter().map(|v| v.name()).collect();
                    failures.unreadable(path, format!("must be one of {}.", names.join(", ")));
                }
                value
            }
        }

        impl $crate::json::Describe for $name {
            fn describe(schemas: &mut $crate::json::Schemas) -> serde_json::Value {
                schemas.enumeration(stringify!($name), concat!($($about,)+), &[$(stringify!($variant)),+])
            }
        }
    };
}

pub(crate) use {input_shape, output_shape, wire_enum};
