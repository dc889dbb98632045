//! From the views of the use cases to objects of the graph.

use async_graphql::{InputValueError, InputValueResult, Scalar, ScalarType, Value};
use uuid::Uuid;

use crate::json::{UriReference, read_uuid};
use crate::timestamp::Timestamp;

/// What is made of a value of the use cases.
pub(super) trait Of<V> {
    fn of(value: V) -> Self;
}

macro_rules! same {
    ($($type:ty),+) => { $(
        impl Of<$type> for $type {
            fn of(value: $type) -> Self {
                value
            }
        }
    )+ };
}

same!(String, bool, i32, Timestamp);

impl<V, T: Of<V>> Of<Vec<V>> for Vec<T> {
    fn of(values: Vec<V>) -> Self {
        values.into_iter().map(T::of).collect()
    }
}

impl<V, T: Of<V>> Of<Option<V>> for Option<T> {
    fn of(value: Option<V>) -> Self {
        value.map(T::of)
    }
}

/// No texts are an empty list.
impl<V, T: Of<V>> Of<Option<Vec<V>>> for Vec<T> {
    fn of(values: Option<Vec<V>>) -> Self {
        values.map(Self::of).unwrap_or_default()
    }
}

/// For end users it is always known.
impl Of<Option<bool>> for bool {
    fn of(value: Option<bool>) -> Self {
        value.unwrap_or_default()
    }
}

impl Of<bool> for Option<bool> {
    fn of(value: bool) -> Self {
        Some(value)
    }
}

impl Of<Timestamp> for Option<Timestamp> {
    fn of(value: Timestamp) -> Self {
        Some(value)
    }
}

/// An id.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Id(pub Uuid);

impl Of<Uuid> for Id {
    fn of(id: Uuid) -> Self {
        Self(id)
    }
}

/// A UUID (RFC 9562) of 36 characters, or of 32 hexadecimal digits.
#[Scalar(name = "UUID", specified_by_url = "https://scalars.graphql.org/chillicream/uuid.html")]
impl ScalarType for Id {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => match read_uuid(text) {
                Some(id) => Ok(Self(id)),
                None => Err(InputValueError::custom("must be a UUID.")),
            },
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.to_string())
    }
}

/// A moment (RFC 3339); answers have it in UTC, with seven fraction digits.
#[Scalar(name = "DateTime", specified_by_url = "https://scalars.graphql.org/chillicream/date-time.html")]
impl ScalarType for Timestamp {
    fn parse(value: Value) -> InputValueResult<Self> {
        match &value {
            Value::String(text) => match Self::parse_query(text) {
                Some(moment) => Ok(moment),
                None => Err(InputValueError::custom("must be a moment, such as 2030-01-31T12:00:00Z.")),
            },
            _ => Err(InputValueError::expected_type(value)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.to_string())
    }
}

/// A link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Url(String);

impl Url {
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Of<String> for Url {
    fn of(url: String) -> Self {
        Self(url)
    }
}

impl Of<UriReference> for Url {
    fn of(url: UriReference) -> Self {
        Self(url.0)
    }
}

/// An absolute URI, or a URN that says why a link is hidden.
#[Scalar(name = "URL", specified_by_url = "https://scalars.graphql.org/chillicream/url.html")]
impl ScalarType for Url {
    fn parse(value: Value) -> InputValueResult<Self> {
        match value {
            Value::String(url) => Ok(Self(url)),
            other => Err(InputValueError::expected_type(other)),
        }
    }

    fn to_value(&self) -> Value {
        Value::String(self.0.clone())
    }
}

/// Declares an object of the graph, made of a view: field by field, those that the graph has.
macro_rules! object {
    ($(#[doc = $about:literal])+ $name:ident of $view:ty {
        $($(#[doc = $doc:literal])+ $field:ident: $type:ty,)*
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, async_graphql::SimpleObject)]
        pub(super) struct $name {
            $($(#[doc = $doc])+ $field: $type,)*
        }

        impl $crate::api::graphql::shape::Of<$view> for $name {
            fn of(view: $view) -> Self {
                Self { $($field: $crate::api::graphql::shape::Of::of(view.$field),)* }
            }
        }

        impl $crate::api::graphql::selection::Show for $name {
            type Plan = $crate::api::graphql::selection::ObjectPlan<Self>;

            fn plan(selected: &$crate::api::graphql::selection::Selected<'_>) -> Self::Plan {
                $crate::api::graphql::selection::ObjectPlan::new(selected, |field, below| {
                    use $crate::api::graphql::selection::{is_called, member};
                    $(
                        if is_called(field, stringify!($field)) {
                            return Some(member(below, |object: &Self| &object.$field));
                        }
                    )*
                    None
                })
            }

            fn show(&self, plan: &Self::Plan, to: &mut Vec<u8>) {
                plan.show(self, to);
            }
        }
    };
}

/// Declares an enumeration of the graph: the wire's, in capital letters.
macro_rules! enumeration {
    ($(#[doc = $about:literal])+ $name:ident of $wire:ty as $path:literal {
        $($(#[doc = $doc:literal])+ $variant:ident,)+
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Copy, Debug, PartialEq, Eq, async_graphql::Enum)]
        #[graphql(remote = $path)]
        pub(super) enum $name {
            $($(#[doc = $doc])+ $variant,)+
        }

        impl $crate::api::graphql::shape::Of<$wire> for $name {
            fn of(value: $wire) -> Self {
                value.into()
            }
        }

        impl $crate::api::graphql::selection::Show for $name {
            type Plan = ();

            fn plan(_: &$crate::api::graphql::selection::Selected<'_>) {}

            fn show(&self, (): &(), to: &mut Vec<u8>) {
                use async_graphql::resolver_utils::EnumType;
                let item = Self::items().iter().find(|item| item.value == *self);
                $crate::api::graphql::selection::write_quoted(item.map_or("", |item| item.name), to);
            }
        }
    };
}

/// Declares the errors that a payload may have: an interface, and an object for each of them.
macro_rules! errors {
    ($(#[doc = $about:literal])+ $interface:ident {
        $($(#[doc = $doc:literal])+ $name:ident { $($(#[doc = $detail:literal])+ $field:ident: $type:ty,)* },)+
    }) => {
        $(#[doc = $about])+
        #[derive(Clone, Debug, async_graphql::Interface)]
        #[graphql(field(name = "message", ty = "&String", desc = "What is wrong, in a sentence."))]
        pub(super) enum $interface {
            $($name($name),)+
        }

        $(
            $(#[doc = $doc])+
            #[derive(Clone, Debug, async_graphql::SimpleObject)]
            pub(super) struct $name {
                /// What is wrong, in a sentence.
                pub message: String,
                $($(#[doc = $detail])+ pub $field: $type,)*
            }
        )+
    };
}

pub(super) use {enumeration, errors, object};
