//! Draws the medians: for each workload a bar for each server, as long as its ratio to ours.

use std::fmt::Write;

use serde_json::Value;

use super::servers::Kind;
use super::workload::{self, Workload};

/// As wide as a README is shown.
const WIDTH: f64 = 880.0;
const COLUMNS: usize = 3;
const HEAD: f64 = 52.0;
const FOOT: f64 = 34.0;
const PANEL_HEAD: f64 = 40.0;
const PANEL_GAP: f64 = 18.0;
const ROW: f64 = 17.0;
const BAR: f64 = 11.0;
/// Room for a server's name.
const NAME: f64 = 132.0;
/// Room for a ratio behind its bar, and behind the dashed line.
const NUMBER: f64 = 38.0;
/// The longest ratio that fits; longer bars end in a gap.
const LONGEST: f64 = 3.0;

const STYLE: &str = "text{font:11px system-ui,sans-serif;fill:#1f2328}.head{font-size:15px;font-weight:600}\
    .panel{font-size:13px;font-weight:600}.muted{fill:#59636e}.end{text-anchor:end}\
    .ours{fill:#0969da}.peer{fill:#8c959f}.floor{fill:#bf8700}.one{stroke:#0969da;stroke-dasharray:2 3}\
    .gap{stroke:#fff;stroke-width:3}\
    @media(prefers-color-scheme:dark){text{fill:#f0f6fc}.muted{fill:#9198a1}.ours{fill:#4493f8}.peer{fill:#656c76}\
    .floor{fill:#d29922}.one{stroke:#4493f8}.gap{stroke:#0d1117}}";

/// The picture of all measurements.
pub fn draw(all: &Value) -> String {
    let medians = all["medians"].as_array().map_or(&[][..], |medians| medians);
    let panels: Vec<_> = workload::ALL
        .into_iter()
        .map(|(name, workload)| Panel::new(name, workload, medians))
        .filter(|panel| !panel.bars.is_empty())
        .collect();
    let mut body = String::new();
    let mut top = HEAD;
    for row in panels.chunks(COLUMNS) {
        for (column, panel) in row.iter().enumerate() {
            panel.draw(&mut body, column as f64 * (WIDTH + PANEL_GAP) / COLUMNS as f64, top);
        }
        top += row.iter().map(Panel::height).fold(0.0, f64::max) + PANEL_GAP;
    }
    let height = top + FOOT - PANEL_GAP;
    let descriptions: Vec<_> = panels.iter().map(Panel::description).collect();
    format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" \
         height=\"{height}\" role=\"img\" aria-labelledby=\"title desc\">\n\
         <title id=\"title\">Processor time and memory of servers beside asset-arbiter</title>\n\
         <desc id=\"desc\">{}</desc>\n<style>{STYLE}</style>\n\
         <text class=\"head\" x=\"0\" y=\"16\">Processor time and memory, asset-arbiter = 1</text>\n\
         <text class=\"muted\" x=\"0\" y=\"34\">Shorter is leaner. The dashed line is asset-arbiter. Redis' own \
         time is not in the bars.</text>\n{body}\
         <text class=\"muted\" x=\"0\" y=\"{}\">{}</text>\n</svg>\n",
        escape(&descriptions.join(" ")),
        height - 8.0,
        escape(&footer(all)),
    )
}

struct Panel {
    title: String,
    ours: String,
    bars: Vec<(Kind, f64)>,
}

impl Panel {
    fn new(name: &str, workload: Workload, medians: &[Value]) -> Self {
        let rows = medians.iter().filter(|row| row["workload"] == name);
        let bars = rows
            .clone()
            .filter_map(|row| Some((Kind::named(row["server"].as_str()?)?, row["ratio_to_ours"].as_f64()?)));
        let per = rows
            .clone()
            .find(|row| row["server"] == "ours")
            .and_then(|row| row["us_per_unit"].as_f64().or(row["kb_per_unit"].as_f64()));
        let per = per.unwrap_or_default();
        let decimals = if per < 10.0 { 2 } else { 1 };
        let unit = if workload.measure() == "us" { "µs" } else { workload.measure() };
        let ours = format!("1 = {per:.decimals$} {unit} per {}", workload.unit());
        Self { title: workload.title(), ours, bars: bars.collect() }
    }

    fn height(&self) -> f64 {
        PANEL_HEAD + ROW * self.bars.len() as f64
    }

    fn description(&self) -> String {
        let ratios: Vec<_> =
            self.bars.iter().map(|(kind, ratio)| format!("{} {ratio:.2}", kind.title)).collect();
        format!("{}: {}.", self.title, ratios.join("; "))
    }

    fn draw(&self, out: &mut String, left: f64, top: f64) {
        let width = (WIDTH - PANEL_GAP * (COLUMNS - 1) as f64) / COLUMNS as f64;
        let scale = (width - NAME - NUMBER) / LONGEST;
        let (bars, one) = (left + NAME, left + NAME + scale);
        let mut line =
            |text: std::fmt::Arguments<'_>| writeln!(out, "{text}").expect("a text takes everything");
        line(format_args!(r#"<text class="panel" x="{left:.0}" y="{:.0}">{}</text>"#, top + 14.0, self.title));
        line(format_args!(
            r#"<text class="muted" x="{left:.0}" y="{:.0}">{}</text>"#,
            top + 30.0,
            escape(&self.ours)
        ));
        for (index, (kind, ratio)) in self.bars.iter().enumerate() {
            let y = top + PANEL_HEAD + ROW * index as f64;
            let length = scale * ratio.min(LONGEST);
            let class = match kind.name {
                "ours" | "ours-redis" => "ours",
                "floor" => "floor",
                _ => "peer",
            };
            let base = y + BAR - 1.5;
            line(format_args!(
                r#"<text class="end" x="{:.1}" y="{base:.1}">{}</text>"#,
                bars - 6.0,
                escape(kind.title)
            ));
            line(format_args!(
                r#"<rect class="{class}" x="{bars:.1}" y="{y:.1}" width="{length:.1}" height="{BAR}"/>"#
            ));
            if *ratio > LONGEST {
                let x = bars + length - 12.0;
                let (low, high) = (y + BAR + 1.0, y - 1.0);
                line(format_args!(r#"<path class="gap" d="M{x:.1} {low:.1}L{:.1} {high:.1}"/>"#, x + 5.0));
            }
            line(format_args!(
                r#"<text x="{:.1}" y="{base:.1}">{}</text>"#,
                (bars + length).max(one) + 5.0,
                number(*ratio)
            ));
        }
        let (from, to) = (top + PANEL_HEAD - 4.0, top + self.height());
        line(format_args!(r#"<path class="one" d="M{one:.1} {from:.1}V{to:.1}"/>"#));
    }
}

fn number(ratio: f64) -> String {
    if ratio < 10.0 { format!("{ratio:.2}") } else { format!("{ratio:.1}") }
}

/// The first measurement's machine and date.
fn footer(all: &Value) -> String {
    let first = &all["measurements"][0];
    let text = |name: &str| first[name].as_str().unwrap_or("unknown").to_owned();
    let runs = all["medians"].as_array().into_iter().flatten().filter_map(|row| row["runs"].as_u64()).min();
    format!(
        "{}; {}. Medians of {} runs, server on one core, players on the other.",
        text("date"),
        text("machine"),
        runs.unwrap_or_default()
    )
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('"', "&quot;")
}
