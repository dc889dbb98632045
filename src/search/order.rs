use std::fmt;

/// What dialogs can be ordered by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Column {
    /// When the content last changed.
    ContentUpdatedAt,
    /// When the dialog last changed.
    UpdatedAt,
    /// When the dialog was created.
    CreatedAt,
    /// When it is due; dialogs without this come last ascending and first descending.
    DueAt,
    /// The id.
    Id,
}

impl Column {
    const ALL: [Self; 5] = [Self::ContentUpdatedAt, Self::UpdatedAt, Self::CreatedAt, Self::DueAt, Self::Id];

    /// Lower-case name on the wire.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::ContentUpdatedAt => "contentupdatedat",
            Self::UpdatedAt => "updatedat",
            Self::CreatedAt => "createdat",
            Self::DueAt => "dueat",
            Self::Id => "id",
        }
    }

    /// The column with this name, whatever its case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|column| column.name().eq_ignore_ascii_case(name))
    }
}

/// Which way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Smallest first.
    Ascending,
    /// Greatest first.
    Descending,
}

impl Direction {
    /// `asc` or `desc`.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Ascending => "asc",
            Self::Descending => "desc",
        }
    }

    /// The direction with this name, whatever its case.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Ascending, Self::Descending].into_iter().find(|d| d.name().eq_ignore_ascii_case(name))
    }
}

/// Columns with directions; the id comes last and makes the order total.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OrderBy(Vec<(Column, Direction)>);

impl Default for OrderBy {
    fn default() -> Self {
        Self(vec![(Column::ContentUpdatedAt, Direction::Descending), (Column::Id, Direction::Descending)])
    }
}

impl OrderBy {
    /// Reads `key[_asc|_desc]` items separated by commas. The direction is `desc` when left out; the
    /// id is moved to the end, or added there with the direction before it; the id alone gets the
    /// default column before it.
    ///
    /// # Errors
    /// A sentence that says what is wrong.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut columns: Vec<(Column, Direction)> = Vec::new();
        for item in text.split(',').map(str::trim).filter(|item| !item.is_empty()) {
            let (name, direction) = match item.rsplit_once('_') {
                Some((name, direction)) => (
                    name,
                    Direction::from_name(direction)
                        .ok_or_else(|| format!("{direction} is not a direction; use asc or desc."))?,
                ),
                None => (item, Direction::Descending),
            };
            let column = Column::from_name(name).ok_or_else(|| {
                let names: Vec<_> = Column::ALL.iter().map(|column| column.name()).collect();
                format!("{name} is not something to order by; use {}.", names.join(", "))
            })?;
            if columns.iter().any(|(other, _)| *other == column) {
                return Err(format!("{name} occurs more than once."));
            }
            columns.push((column, direction));
        }
        Ok(Self::of(columns))
    }

    /// The order by these columns, with the id last.
    #[must_use]
    pub fn of(mut columns: Vec<(Column, Direction)>) -> Self {
        let id = columns.iter().position(|(column, _)| *column == Column::Id).map(|at| columns.remove(at));
        if columns.is_empty() {
            columns.push((Column::ContentUpdatedAt, Direction::Descending));
        }
        // In the direction of the column before it, so that an index can give the order by itself.
        let direction = columns.last().map_or(Direction::Descending, |(_, direction)| *direction);
        columns.push(id.unwrap_or((Column::Id, direction)));
        Self(columns)
    }

    /// The columns, the id last.
    #[must_use]
    pub fn columns(&self) -> &[(Column, Direction)] {
        &self.0
    }
}

impl fmt::Display for OrderBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (column, direction)) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, "{comma}{}_{}", column.name(), direction.name())?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::OrderBy;

    #[test]
    fn orders_are_completed() {
        for (input, output) in [
            ("", "contentupdatedat_desc,id_desc"),
            ("createdAt", "createdat_desc,id_desc"),
            ("createdat_ASC", "createdat_asc,id_asc"),
            ("createdat_asc,id", "createdat_asc,id_desc"),
            ("id_asc", "contentupdatedat_desc,id_asc"),
            ("id_asc,DueAt_asc", "dueat_asc,id_asc"),
            ("updatedat,,createdat_asc", "updatedat_desc,createdat_asc,id_asc"),
        ] {
            assert_eq!(OrderBy::parse(input).unwrap().to_string(), output);
        }
        for bad in ["title", "createdat_up", "createdat,createdat_asc", "_desc", "createdat_asc_desc"] {
            assert!(OrderBy::parse(bad).is_err(), "{bad}");
        }
    }
}
