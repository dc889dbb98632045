//! The table.

use std::fmt::{self, Display, Formatter};
use std::fs;
use std::process::Command;
use std::time::Duration;

use crate::events::EventFigures;
use crate::graph::Comparison;
use crate::searches::Costs;
use crate::{Operation, Options, Rate};

/// Aim: most memory of the service under load.
const MEMORY: f64 = 120.0 * 1024.0 * 1024.0;
/// Aim: least events delivered in a second.
const EVENTS: f64 = 5_000.0;
/// Aim: most that the outbox takes of the rate of creates.
const OUTBOX: f64 = 0.1;
/// Aim: most bytes of a dialog in the database.
const BYTES: f64 = 4.5 * 1024.0;

/// What was found out about one operation.
pub struct Figures {
    pub operation: Operation,
    pub floor: Rate,
    pub service: Rate,
    /// In order of length.
    pub latencies: Vec<Duration>,
}

/// Bytes of the service: when it has started, and the most it has had.
pub struct Memory {
    pub idle: Option<u64>,
    pub peak: Option<u64>,
}

/// Where it was measured, and how.
pub struct Facts {
    pub postgres: String,
    pub settings: Vec<(&'static str, String)>,
    pub options: Options,
}

/// Everything.
pub struct Report {
    pub facts: Facts,
    pub figures: Vec<Figures>,
    pub created: Option<Created>,
    pub events: Option<EventFigures>,
    /// One for each data set, the smallest first.
    pub searches: Vec<Costs>,
    /// The graph against REST.
    pub graph: Vec<Comparison>,
}

/// What creating and changing dialogs left behind.
pub struct Created {
    /// Table, rows, bytes.
    pub sizes: Vec<(String, i64, i64)>,
    pub memory: Memory,
}

impl Display for Facts {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let cores = std::thread::available_parallelism().map_or(0, usize::from);
        let processors = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
        let processor = processors.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": "));
        let processor = processor.map_or("", |(_, name)| name);
        let commit = Command::new("git").args(["describe", "--always", "--dirty"]).output();
        let commit = commit.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
        let Options { seconds, connections, .. } = self.options;
        writeln!(f, "{cores} cores ({processor}) for everything; commit {}", commit.unwrap_or_default())?;
        write!(f, "PostgreSQL {}", self.postgres)?;
        for (name, value) in &self.settings {
            write!(f, ", {name} {value}")?;
        }
        writeln!(
            f,
            "\n{connections} connections, 2 x {seconds} s each of floor and service by turns, {seconds} s open loop"
        )
    }
}

#[expect(clippy::cast_precision_loss, reason = "there are far fewer than 2^52")]
pub fn as_float(number: impl TryInto<u64>) -> f64 {
    number.try_into().map_or(0.0, |number| number as f64)
}

impl Figures {
    /// In milliseconds.
    fn latency(&self, percent: usize) -> f64 {
        let at = (self.latencies.len() * percent / 100).min(self.latencies.len().saturating_sub(1));
        self.latencies.get(at).map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
    }
}

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "{}", self.facts)?;
        self.fmt_figures(f)?;
        if let Some(created) = &self.created {
            writeln!(f, "\n{created}")?;
        }
        self.fmt_events(f)?;
        self.fmt_searches(f)?;
        self.fmt_graph(f)
    }
}

impl Report {
    fn fmt_figures(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.figures.is_empty() {
            return Ok(());
        }
        writeln!(f, "| operation           | floor/s | service/s | ratio |  aim | p50 ms | p99 ms |")?;
        writeln!(f, "|:--------------------|--------:|----------:|------:|-----:|-------:|-------:|")?;
        for figures in &self.figures {
            let (floor, service) = (figures.floor.per_second(), figures.service.per_second());
            let (ratio, aim) = (service / floor, figures.operation.aim());
            let (name, p50, p99) = (figures.operation.name(), figures.latency(50), figures.latency(99));
            writeln!(
                f,
                "| {name:<19} | {floor:>7.0} | {service:>9.0} | {ratio:>5.2} | {aim:>4.2} | {p50:>6.2} | {p99:>6.2} |{}",
                verdict(ratio >= aim)
            )?;
        }
        writeln!(
            f,
            "\nLatencies from the time at which a request was due, at 70 % of service/s, open loop.\n"
        )?;

        writeln!(
            f,
            "Processor time of one operation, in microseconds; client is pgbench or the load generator:\n"
        )?;
        writeln!(
            f,
            "| operation           | floor: client | PostgreSQL | service: client | service | PostgreSQL |"
        )?;
        writeln!(
            f,
            "|:--------------------|--------------:|-----------:|----------------:|--------:|-----------:|"
        )?;
        for Figures { operation, floor, service, .. } in &self.figures {
            let each = |seconds: f64, rate: &Rate| seconds * 1e6 / rate.count;
            writeln!(
                f,
                "| {:<19} | {:>13.0} | {:>10.0} | {:>15.0} | {:>7.0} | {:>10.0} |",
                operation.name(),
                each(floor.processor.client, floor),
                each(floor.processor.postgres, floor),
                each(service.processor.client, service),
                each(service.processor.service, service),
                each(service.processor.postgres, service),
            )?;
        }
        Ok(())
    }

    /// The graph against REST.
    fn fmt_graph(&self, f: &mut Formatter<'_>) -> fmt::Result {
        if self.graph.is_empty() {
            return Ok(());
        }
        writeln!(
            f,
            "\nThe graph against REST, in slices of half a second by turns; the ratio is the median of what\n\
             neighbouring slices say. Processor time of one request in microseconds, bytes of one answer:\n"
        )?;
        writeln!(
            f,
            "| page               | REST/s | graph/s | ratio |  aim | REST: service | PostgreSQL |  bytes | graph: service | PostgreSQL |  bytes |"
        )?;
        writeln!(
            f,
            "|:-------------------|-------:|--------:|------:|-----:|--------------:|-----------:|-------:|---------------:|-----------:|-------:|"
        )?;
        for Comparison { name, rest, graph, ratio, aim, bytes } in &self.graph {
            let each = |seconds: f64, rate: &Rate| seconds * 1e6 / rate.count;
            writeln!(
                f,
                "| {name:<18} | {:>6.0} | {:>7.0} | {ratio:>5.2} | {:>4} | {:>13.0} | {:>10.0} | {:>6} | {:>14.0} | {:>10.0} | {:>6} |{}",
                rest.per_second(),
                graph.per_second(),
                aim.map_or_else(String::new, |aim| format!("{aim:.2}")),
                each(rest.processor.service, rest),
                each(rest.processor.postgres, rest),
                bytes.0,
                each(graph.processor.service, graph),
                each(graph.processor.postgres, graph),
                bytes.1,
                verdict(aim.is_none_or(|aim| *ratio >= aim))
            )?;
        }
        Ok(())
    }

    /// What searches read.
    fn fmt_searches(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(smallest) = self.searches.first() else { return Ok(()) };
        writeln!(
            f,
            "\nSearches, by the pages of tables and indexes (buffers) that their statements touch; growth is from\n\
             the smallest data set to this one:\n"
        )?;
        writeln!(
            f,
            "| search                        | dialogs | statements | rows | buffers | at most | growth | at most |"
        )?;
        writeln!(
            f,
            "|:------------------------------|--------:|-----------:|-----:|--------:|--------:|-------:|--------:|"
        )?;
        for (number, first) in smallest.costs.iter().enumerate() {
            for Costs { dialogs, costs } in &self.searches {
                let cost = &costs[number];
                let growth = as_float(cost.buffers) / as_float(first.buffers);
                let grown = if *dialogs > smallest.dialogs { format!("{growth:.2}") } else { String::new() };
                let allowed = cost.growth.filter(|_| !grown.is_empty());
                let is_met = cost.budget.is_none_or(|most| as_float(cost.buffers) <= most)
                    && allowed.is_none_or(|most| growth <= most);
                writeln!(
                    f,
                    "| {:<29} | {dialogs:>7} | {:>10} | {:>4} | {:>7} | {:>7} | {grown:>6} | {:>7} |{}",
                    cost.name,
                    cost.statements,
                    cost.rows,
                    cost.buffers,
                    cost.budget.map_or_else(String::new, |most| format!("{most:.0}")),
                    allowed.map_or_else(String::new, |most| format!("{most:.2}")),
                    verdict(is_met)
                )?;
            }
        }
        Ok(())
    }
}

fn verdict(reached: bool) -> &'static str {
    if reached { "" } else { "  missed" }
}

impl Display for Created {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Memory { idle: Some(idle), peak: Some(peak) } = self.memory else {
            writeln!(f, "This system does not tell the memory of processes.")?;
            return self.fmt_sizes(f);
        };
        let mebibytes = |bytes: u64| as_float(bytes) / 1024.0 / 1024.0;
        writeln!(
            f,
            "Memory of the service: {:.1} MiB at most, {:.1} MiB when started (aim: at most {:.0} MiB){}",
            mebibytes(peak),
            mebibytes(idle),
            MEMORY / 1024.0 / 1024.0,
            verdict(as_float(peak) <= MEMORY)
        )?;
        self.fmt_sizes(f)
    }
}

impl Report {
    fn fmt_events(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Some(EventFigures { creates: (with, without), drained: (count, seconds), latencies, load }) =
            &self.events
        else {
            return Ok(());
        };
        let cost = 1.0 - with / without;
        writeln!(
            f,
            "\nOutbox: {with:.0} creates/s of pgbench with it, {without:.0} without: {:.1} % (aim: at most {:.0} %){}",
            cost * 100.0,
            OUTBOX * 100.0,
            verdict(cost <= OUTBOX)
        )?;
        let rate = as_float(*count) / seconds;
        writeln!(
            f,
            "Events: a backlog of {count} delivered to a webhook here at {rate:.0}/s (aim: {EVENTS:.0}/s){}",
            verdict(rate >= EVENTS)
        )?;
        let percentile = |percent: usize| {
            let at = (latencies.len() * percent / 100).min(latencies.len().saturating_sub(1));
            latencies.get(at).map_or(0.0, |time| time.as_secs_f64() * 1_000.0)
        };
        writeln!(
            f,
            "From commit to delivery at {load:.0} creates/s, {} events: p50 {:.1} ms, p99 {:.1} ms",
            latencies.len(),
            percentile(50),
            percentile(99)
        )
    }
}

impl Created {
    fn fmt_sizes(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let dialogs = self.sizes.iter().find(|(table, ..)| table == "dialog").map_or(0, |(_, rows, _)| *rows);
        let of = |wanted: &dyn Fn(&str) -> bool| {
            let bytes = self.sizes.iter().filter(|(table, ..)| wanted(table)).map(|(.., bytes)| *bytes);
            as_float(bytes.sum::<i64>()) / as_float(dialogs)
        };
        let all = of(&|table| table != "outbox");
        writeln!(
            f,
            "Database: {all:.0} bytes for each of {dialogs} dialogs, indexes included (aim: at most {BYTES:.0}){}",
            verdict(all <= BYTES)
        )?;
        for (table, ..) in &self.sizes {
            let bytes = of(&|other| other == table);
            if bytes >= 10.0 {
                let note = if table == "outbox" {
                    "  (not counted: its rows go when they are published)"
                } else {
                    ""
                };
                writeln!(f, "  {table:<20} {bytes:>6.0}{note}")?;
            }
        }
        Ok(())
    }
}
