use std::fmt::Write;

use uuid::Uuid;

use super::{Column, Direction, OrderBy, SortKeys};
use crate::json::read_uuid;
use crate::timestamp::Timestamp;

/// A position in an ordered list: after the item with these values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Cursor {
    /// Values of the columns of the order, the id apart.
    pub values: Vec<(Column, Option<Timestamp>)>,
    /// The id.
    pub id: Uuid,
}

impl Cursor {
    /// The position of an item.
    #[must_use]
    pub fn of(item: &SortKeys, order: &OrderBy) -> Self {
        let value = |column| match column {
            Column::ContentUpdatedAt => Some(item.content_updated_at),
            Column::UpdatedAt => Some(item.updated_at),
            Column::CreatedAt => Some(item.created_at),
            Column::DueAt => item.due_at,
            Column::Id => None,
        };
        let columns = order.columns().iter().map(|(column, _)| *column);
        Self { values: columns.filter(|c| *c != Column::Id).map(|c| (c, value(c))).collect(), id: item.id }
    }

    /// The token that clients send back: `key_value` items, and `_asc` after ascending ones.
    #[must_use]
    pub fn token(&self, order: &OrderBy) -> String {
        let mut token = String::new();
        for (column, direction) in order.columns() {
            if !token.is_empty() {
                token.push(',');
            }
            let _ = write!(token, "{}_", column.name());
            match column {
                Column::Id => {
                    let _ = write!(token, "{}", self.id);
                }
                column => {
                    if let Some(value) = self.value(*column) {
                        let _ = write!(token, "{value}");
                    }
                }
            }
            if *direction == Direction::Ascending {
                token.push_str("_asc");
            }
        }
        token
    }

    /// The value of a column other than the id.
    #[must_use]
    pub fn value(&self, column: Column) -> Option<Timestamp> {
        self.values.iter().find(|(other, _)| *other == column).and_then(|(_, value)| *value)
    }

    /// Reads a token, and the order that it was made under. Items without a direction are
    /// descending, unless `order` says otherwise: older tokens carry no directions.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(token: &str, order: Option<&OrderBy>) -> Result<(Self, OrderBy), String> {
        let mut columns = Vec::new();
        let mut values = Vec::new();
        let mut id = None;
        for item in token.split(',') {
            let mut parts = item.split('_');
            let (Some(name), Some(value), direction, None) =
                (parts.next(), parts.next(), parts.next(), parts.next())
            else {
                return Err("The token is not one that this service has made.".into());
            };
            let column =
                Column::from_name(name).filter(|column| columns.iter().all(|(other, _)| other != column));
            let column = column.ok_or("The token is not one that this service has made.")?;
            let direction = match direction {
                Some(direction) => Direction::from_name(direction)
                    .ok_or("The token is not one that this service has made.")?,
                None => order
                    .filter(|_| !token.contains("_asc") && !token.contains("_desc"))
                    .and_then(|order| order.columns().iter().find(|(other, _)| *other == column))
                    .map_or(Direction::Descending, |(_, direction)| *direction),
            };
            columns.push((column, direction));
            match column {
                Column::Id => id = Some(read_uuid(value).ok_or("The token's id is not a UUID.")?),
                Column::DueAt if value.is_empty() => values.push((column, None)),
                _ => {
                    // A + that was not percent-encoded arrives as a space.
                    let value = Timestamp::parse(&value.replace(' ', "+"))
                        .ok_or("A value of the token is not a timestamp.")?;
                    values.push((column, Some(value)));
                }
            }
        }
        let id = id.ok_or("The token lacks the id.")?;
        if let Some(order) = order
            && let Some((missing, _)) =
                order.columns().iter().find(|(column, _)| columns.iter().all(|(other, _)| other != column))
        {
            return Err(format!("The token lacks {}, which the order has.", missing.name()));
        }
        if values.is_empty() {
            return Err("The token lacks what the items are ordered by.".into());
        }
        let made_under = OrderBy::of(columns);
        match order {
            Some(order) if *order != made_under => {
                let needed = order.columns().iter().all(|(c, d)| made_under.columns().contains(&(*c, *d)));
                if needed {
                    Ok((Self { values, id }, order.clone()))
                } else {
                    Err(format!("The token was made under the order {made_under}, not {order}."))
                }
            }
            _ => Ok((Self { values, id }, made_under)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys() -> SortKeys {
        let at = |text| Timestamp::parse(text).unwrap();
        SortKeys {
            id: Uuid::from_u128(7),
            created_at: at("2024-01-01T00:00:00.000001Z"),
            updated_at: at("2024-01-02T00:00:00Z"),
            content_updated_at: at("2024-01-03T00:00:00.123456Z"),
            due_at: None,
        }
    }

    #[test]
    fn a_token_alone_carries_order_and_position() {
        for order in ["", "createdat_asc", "dueat_asc,createdat", "dueat", "id_asc", "updatedat,id_asc"] {
            let order = OrderBy::parse(order).unwrap();
            let cursor = Cursor::of(&keys(), &order);
            let token = cursor.token(&order);
            assert_eq!(Cursor::parse(&token, None).unwrap(), (cursor.clone(), order.clone()), "{token}");
            assert_eq!(Cursor::parse(&token, Some(&order)).unwrap(), (cursor, order), "{token}");
        }
    }

    #[test]
    fn tokens_without_directions_follow_the_order_asked_for() {
        let token = "createdat_2024-01-01T00:00:00.0000010Z,id_00000000-0000-0000-0000-000000000007";
        let ascending = OrderBy::parse("createdat_asc").unwrap();
        assert_eq!(Cursor::parse(token, Some(&ascending)).unwrap().1, ascending);
        assert_eq!(Cursor::parse(token, None).unwrap().1, OrderBy::parse("createdat").unwrap());
    }

    #[test]
    fn a_token_of_another_order_is_refused() {
        let order = OrderBy::parse("createdat_asc").unwrap();
        let token = Cursor::of(&keys(), &order).token(&order);
        assert!(Cursor::parse(&token, Some(&OrderBy::default())).is_err());
        assert!(Cursor::parse(&token, Some(&OrderBy::parse("createdat").unwrap())).is_err());
        let only_id = "id_00000000-0000-0000-0000-000000000007";
        assert!(Cursor::parse(only_id, None).is_err());
        assert!(Cursor::parse(only_id, Some(&OrderBy::default())).is_err());
        for bad in [
            "",
            "x",
            "id_7",
            "createdat_2024-01-01T00:00:00Z",
            "createdat_x,id_00000000-0000-0000-0000-000000000007",
            "id_00000000-0000-0000-0000-000000000007_up",
            "a_b_c_d",
        ] {
            assert!(Cursor::parse(bad, None).is_err(), "{bad}");
        }
    }
}
