//! The results: one column for each scene.

/// A scene's figures, each with what it is.
pub(crate) struct Column {
    pub(crate) heading: String,
    rows: Vec<(&'static str, String)>,
    /// Whatever else is to be known, a line each.
    notes: Vec<String>,
}

const LABEL: usize = 46;
const CELL: usize = 32;

impl Column {
    pub(crate) fn new(heading: String) -> Self {
        Self { heading, rows: Vec::new(), notes: Vec::new() }
    }

    /// What the next rows are about.
    pub(crate) fn section(&mut self, title: &'static str) {
        self.row(title, String::new());
    }

    pub(crate) fn row(&mut self, label: &'static str, value: String) {
        self.rows.push((label, value));
    }

    pub(crate) fn note(&mut self, line: String) {
        self.notes.push(line);
    }

    pub(crate) fn rows(&mut self, rows: [(&'static str, String); 4]) {
        self.rows.extend(rows);
    }
}

/// Prints the table. A scene that failed ends early.
pub(crate) fn print(columns: &[Column]) {
    let Some(longest) = columns.iter().max_by_key(|column| column.rows.len()) else { return };
    let line = |label: &str, cells: Vec<&str>| {
        let cells: String = cells.iter().map(|cell| format!("{cell:>CELL$}")).collect();
        println!("{}", format!("{label:<LABEL$}{cells}").trim_end());
    };
    line("", columns.iter().map(|column| column.heading.as_str()).collect());
    for (index, (label, _)) in longest.rows.iter().enumerate() {
        let cells =
            columns.iter().map(|column| column.rows.get(index).map_or("-", |row| row.1.as_str())).collect();
        if longest.rows[index].1.is_empty() {
            println!("\n{label}");
        } else {
            line(&format!("  {label}"), cells);
        }
    }
    println!();
    for column in columns {
        column.notes.iter().for_each(|note| println!("{}: {note}", column.heading));
    }
}

/// The smallest, the middle, the 99th percentile and the largest, in milliseconds.
pub(crate) fn spread(mut delays: Vec<f64>) -> String {
    delays.sort_by(f64::total_cmp);
    let Some(last) = delays.len().checked_sub(1) else { return "nobody".to_owned() };
    let at = |share: f64| milliseconds(delays[(last as f64 * share).round() as usize]);
    format!("{}, {}, {}, {}", at(0.0), at(0.5), at(0.99), at(1.0))
}

/// Microseconds as milliseconds, with a digit where it says something.
pub(crate) fn milliseconds(micros: f64) -> String {
    if micros < 100_000.0 { format!("{:.1}", micros / 1e3) } else { format!("{:.0}", micros / 1e3) }
}
