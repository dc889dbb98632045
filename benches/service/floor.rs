//! The floor: the statements of the service, sent by pgbench.
//!
//! They are taken from the database server's log while the service answers one request: what is
//! measured is what the service does, today as after its next change. Scripts repeat the statements
//! with the same values, except that ids are new (and grow, as those of the service do), times are now,
//! the party is one of many, and the dialog that is read or changed is any of those there are.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use dialogporten::sandbox::postgres::find_bin_dir;

use crate::samples::PARTIES;
use crate::{Database, Result};

/// Ids are made of this number, which grows, and one of 16 digits that is always the same for the same
/// parameter. All digits are decimal: pgbench has no others.
const FIRST_ID: u64 = 1_000_000_000_000_000;

/// More transactions than one run of pgbench makes.
const RUN: u64 = 1_000_000_000;

/// A statement as the service sent it; `None` is null.
#[derive(Debug, PartialEq, Eq)]
pub struct Statement {
    pub sql: String,
    pub values: Vec<Option<String>>,
}

/// The statements in a part of the log of a server that logs all statements.
pub fn statements(log: &str) -> Result<Vec<Statement>> {
    let mut entries: Vec<String> = Vec::new();
    for line in log.lines() {
        // Lines after the first one of an entry begin with a tab.
        match (line.strip_prefix('\t'), entries.last_mut()) {
            (Some(more), Some(entry)) => {
                entry.push('\n');
                entry.push_str(more);
            }
            _ => entries.push(line.to_owned()),
        }
    }
    let mut found: Vec<Statement> = Vec::new();
    for entry in &entries {
        if let Some((_, executed)) = entry.split_once("] LOG:  execute ") {
            let (_, sql) = executed.split_once(": ").ok_or("a logged statement has no text")?;
            // The bell that tells other instances of what was done, rung now and then.
            if sql.contains("pg_notify") {
                found.push(Statement { sql: String::new(), values: Vec::new() });
            } else {
                found.push(Statement { sql: sql.into(), values: Vec::new() });
            }
        } else if let Some((_, detail)) = entry.split_once("] DETAIL:  ") {
            // Since version 16 with a capital letter.
            let values = detail.strip_prefix("parameters: ").or(detail.strip_prefix("Parameters: "));
            if let (Some(values), Some(statement)) = (values, found.last_mut()) {
                statement.values = parameters(values)?;
            }
        }
    }
    found.retain(|statement| !statement.sql.is_empty());
    Ok(found)
}

/// Reads `$1 = 'it''s', $2 = NULL`.
fn parameters(text: &str) -> Result<Vec<Option<String>>> {
    let mut values = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let (_, value) = rest.split_once(" = ").ok_or("a logged parameter has no value")?;
        if let Some(after) = value.strip_prefix("NULL") {
            values.push(None);
            rest = after;
        } else {
            let quoted = value.strip_prefix('\'').ok_or("a logged value is not quoted")?;
            let mut end = 0;
            loop {
                end += quoted[end..].find('\'').ok_or("a logged value does not end")? + 1;
                if !quoted[end..].starts_with('\'') {
                    break;
                }
                end += 1;
            }
            values.push(Some(quoted[..end - 1].replace("''", "'")));
            rest = &quoted[end..];
        }
        rest = rest.strip_prefix(", ").unwrap_or(rest);
    }
    Ok(values)
}

/// What stands for a value that differs from one transaction to the next.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Varying {
    /// The dialog that is read or changed.
    Dialog,
    /// The revision that the statement before has read.
    Revision,
    /// The key of the party.
    Party,
}

impl Varying {
    fn expression(self) -> &'static str {
        match self {
            Self::Dialog => "(:dialog::text || '0000000000000000')::uuid",
            Self::Revision => ":stored_revision::uuid",
            Self::Party => "hashint8extended(:party, 0)",
        }
    }
}

/// A script of pgbench, with the variables that it needs.
#[derive(Default)]
pub struct Script {
    text: String,
    variables: Vec<(String, String)>,
    /// Values that get a new id, in the order met.
    fresh: HashMap<String, usize>,
}

impl Script {
    /// Makes a script of what one request does. `varying` tells the values in the logged statements
    /// that are not to be repeated.
    pub fn new(
        database: &Database,
        statements: &[Statement],
        varying: &HashMap<String, Varying>,
    ) -> Result<Self> {
        let mut script = Self::default();
        let (last, before) = statements.split_last().ok_or("no statement was logged")?;
        for statement in before {
            script.add(database, statement, varying)?;
            script.text.push_str("\n\\gset stored_\n");
        }
        script.add(database, last, varying)?;
        script.text.push_str(";\n");
        Ok(script)
    }

    /// The script of a create that tells nobody.
    pub fn without_outbox(&self) -> Result<Self> {
        let (text, _) = self.text.split_once("), held as (").ok_or("a create tells something")?;
        Ok(Self {
            text: format!("{text})\nselect count(*) from new_dialog;\n"),
            variables: self.variables.clone(),
            fresh: self.fresh.clone(),
        })
    }

    fn add(
        &mut self,
        database: &Database,
        statement: &Statement,
        varying: &HashMap<String, Varying>,
    ) -> Result<()> {
        let types = database.parameter_types(&statement.sql)?;
        let expressions: Vec<String> = statement
            .values
            .iter()
            .zip(types)
            .map(|(value, kind)| match value {
                None => format!("null::{kind}"),
                Some(value) => self.expression(value, &kind, varying),
            })
            .collect();
        let mut pieces = statement.sql.split('$');
        self.text.push_str(pieces.next().unwrap_or_default());
        for piece in pieces {
            let digits = piece.bytes().take_while(u8::is_ascii_digit).count();
            let number: usize = piece[..digits].parse()?;
            self.text.push_str(expressions.get(number - 1).ok_or("a parameter was not logged")?);
            self.text.push_str(&piece[digits..]);
        }
        Ok(())
    }

    fn expression(&mut self, value: &str, kind: &str, varying: &HashMap<String, Varying>) -> String {
        if let Some(varying) = varying.get(value) {
            return varying.expression().into();
        }
        match kind {
            "timestamp with time zone" => "now()".into(),
            "uuid" => self.fresh_id(value),
            "uuid[]" | "timestamp with time zone[]" => {
                let items = value.trim_matches(['{', '}']).split(',').filter(|item| !item.is_empty());
                let items = items.map(|item| match item {
                    "NULL" => "null".into(),
                    item => self.expression(item, kind.trim_end_matches("[]"), varying),
                });
                format!("array[{}]::{kind}", items.collect::<Vec<_>>().join(", "))
            }
            _ => {
                let name = format!("v{}", self.variables.len());
                let expression = format!(":{name}::{kind}");
                self.variables.push((name, value.into()));
                expression
            }
        }
    }

    fn fresh_id(&mut self, value: &str) -> String {
        let next = self.fresh.len();
        let number = self.fresh.entry(value.into()).or_insert(next);
        format!("(:fresh::text || '{number:016}')::uuid")
    }
}

/// How long pgbench is to run.
#[derive(Clone, Copy)]
pub enum Extent {
    Seconds(u32),
    /// For each connection.
    Transactions(u32),
}

/// Runs scripts.
pub struct Pgbench {
    pub program: PathBuf,
    pub socket: PathBuf,
    pub directory: PathBuf,
    pub connections: u32,
    /// How many dialogs the first run has made; those that later ones read and change.
    pub dialogs: u64,
    /// Settings of its connections, as PostgreSQL's libraries take them from the environment.
    pub settings: String,
    runs: u64,
}

impl Pgbench {
    /// On a server's socket; scripts are written to a directory.
    pub fn new(server: &Database, directory: &Path, connections: u32) -> Result<Self> {
        let bin = find_bin_dir(None).ok_or("there is no PostgreSQL on this machine")?;
        let socket = server.options.get_socket().ok_or("the server has no socket")?;
        let settings = server.as_service().options.get_options().unwrap_or_default().to_owned();
        // The programs in `bin` may be links to where all of them are.
        let program = bin.join("initdb").canonicalize()?.with_file_name("pgbench");
        if !program.exists() {
            return Err(format!("there is no {}", program.display()).into());
        }
        let (socket, directory) = (socket.to_owned(), directory.to_owned());
        Ok(Self { program, socket, directory, connections, dialogs: 0, settings, runs: 0 })
    }

    /// Runs a script, and gives transactions and the seconds that they took.
    pub fn run(&mut self, database: &Database, script: &Script, extent: Extent) -> Result<(f64, f64)> {
        let first_id = FIRST_ID + self.runs * RUN;
        self.runs += 1;
        let connections = self.connections;
        let mut text = format!(
            "\\set n :n + 1\n\
             \\set fresh {first_id} + :n * {connections} + :client_id\n\
             \\set party random(1, {PARTIES})\n"
        );
        if self.dialogs > 0 {
            // The first run begins with n = 1.
            let first = FIRST_ID + u64::from(connections);
            writeln!(text, "\\set dialog random({first}, {})", first + self.dialogs - 1)?;
        }
        text.push_str(&script.text);
        let file = self.directory.join("floor.sql");
        std::fs::write(&file, text)?;

        let mut command = Command::new(&self.program);
        command
            .args([
                "--no-vacuum",
                "--protocol=prepared",
                "--jobs=2",
                "--username=dialogporten",
                "--port=5432",
            ])
            .env("PGOPTIONS", &self.settings)
            .arg(format!("--client={connections}"))
            .arg("--host")
            .arg(&self.socket)
            .arg("--file")
            .arg(&file)
            .arg("--define=n=0");
        for (name, value) in &script.variables {
            command.arg(format!("--define={name}={value}"));
        }
        match extent {
            Extent::Seconds(seconds) => command.arg(format!("--time={seconds}")),
            Extent::Transactions(count) => command.arg(format!("--transactions={count}")),
        };
        let database = database.options.get_database().ok_or("the database has no name")?;
        let output = command.arg(database).output()?;
        let report = String::from_utf8_lossy(&output.stdout);
        let number = |name: &str, end: char| -> Option<f64> {
            let line = report.lines().find_map(|line| line.strip_prefix(name))?;
            line.split(end).next()?.trim().parse().ok()
        };
        let count = number("number of transactions actually processed:", '/');
        let rate = number("tps =", '(');
        match (count, rate) {
            (Some(count), Some(rate)) if output.status.success() => Ok((count, count / rate)),
            _ => {
                let errors = String::from_utf8_lossy(&output.stderr);
                Err(format!("pgbench failed: {errors}").into())
            }
        }
    }
}
