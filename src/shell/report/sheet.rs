//! A sheet: rows under columns that know their formula, written as a table, CSV, JSON, XLSX or a picture. The values stay whole
//! until one of these is written.

use std::fmt::Write as _;

use rust_xlsxwriter::{Format as CellFormat, Workbook, XlsxError};
use serde_json::{Map, json};
use turno_base::Currency;
use turno_report::kpi::Value;

/// Rows that a picture shows at most; the others are named in its foot.
const BARS_MAX: usize = 400;
/// From so many on they are thin: a day of quarters of an hour is to be seen at once.
const BARS_WIDE: usize = 60;

/// In which form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Form {
    /// For a terminal.
    Table,
    /// Comma-separated, with a header; cells are safe in spreadsheets.
    Csv,
    /// One object, with numerators and denominators.
    Json,
    /// A workbook: the sheet, and its formulas on another.
    Xlsx,
    /// A picture of the first column that is a share.
    Svg,
}

impl Form {
    /// The end of a file's name.
    pub const fn extension(self) -> &'static str {
        match self {
            Form::Table => "txt",
            Form::Csv => "csv",
            Form::Json => "json",
            Form::Xlsx => "xlsx",
            Form::Svg => "svg",
        }
    }

    /// For HTTP.
    pub const fn content_type(self) -> &'static str {
        match self {
            Form::Table => "text/plain; charset=utf-8",
            Form::Csv => "text/csv; charset=utf-8",
            Form::Json => "application/json",
            Form::Xlsx => "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
            Form::Svg => "image/svg+xml",
        }
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// How it is made; empty: it names the row.
    pub formula: String,
}

impl Column {
    /// With its formula.
    pub fn new(name: &str, formula: &str) -> Column {
        Column { name: name.to_owned(), formula: formula.to_owned() }
    }

    /// Of names.
    pub fn plain(name: &str) -> Column {
        Column::new(name, "")
    }
}

/// A cell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Cell {
    /// A name.
    Text(String),
    /// A figure.
    Value(Value),
    /// An amount.
    Money {
        /// Scaled integer amount.
        units: i128,
        /// Decimals.
        scale: u8,
        /// Currency.
        currency: Currency,
    },
    /// There is none.
    Nothing,
}

/// Rows under columns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sheet {
    /// What it is.
    pub title: String,
    /// What a reader must know: days, zone, as of when.
    pub notes: Vec<String>,
    /// Columns.
    pub columns: Vec<Column>,
    /// Rows, each of a cell for each column.
    pub rows: Vec<Vec<Cell>>,
}

/// `units · 10^-scale` with all its decimals.
fn decimal(units: i128, scale: u8) -> String {
    let power = 10_u128.pow(u32::from(scale.min(30)));
    let (sign, magnitude) = (if units < 0 { "-" } else { "" }, units.unsigned_abs());
    match scale {
        0 => format!("{sign}{magnitude}"),
        _ => format!("{sign}{}.{:0width$}", magnitude / power, magnitude % power, width = usize::from(scale)),
    }
}

impl Cell {
    /// As people read it.
    fn shown(&self) -> String {
        match self {
            // A name may be what a caller sent: a line break or an escape sequence must not reach the terminal.
            Cell::Text(text) => text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
            Cell::Value(value) => value.to_string(),
            Cell::Money { units, scale, .. } => decimal(*units, *scale),
            Cell::Nothing => "-".to_owned(),
        }
    }

    /// As programs read it: percent and seconds as plain decimals, empty for none.
    pub(super) fn plain(&self) -> String {
        match self {
            Cell::Text(text) => text.clone(),
            Cell::Value(value) => match (value, value.rounded()) {
                (_, None) => String::new(),
                (Value::Count(_) | Value::Bound(_), Some(whole)) => whole.to_string(),
                (Value::Share(..), Some(per_mille)) => decimal(per_mille.into(), 1),
                (Value::Mean(..), Some(ms)) => decimal(ms.into(), 3),
            },
            Cell::Money { units, scale, .. } => decimal(*units, *scale),
            Cell::Nothing => String::new(),
        }
    }

    fn json(&self) -> serde_json::Value {
        match self {
            Cell::Text(text) => json!(text),
            Cell::Value(value) => match *value {
                Value::Count(count) => json!(count),
                Value::Share(part, whole) => {
                    json!({"percent": self.plain(), "part": part.to_string(), "whole": whole.to_string()})
                }
                Value::Mean(sum, count) => {
                    json!({"seconds": self.plain(), "sum_ms": sum.to_string(), "count": count.to_string()})
                }
                Value::Bound(bound) => json!({"at_most_seconds": bound}),
            },
            Cell::Money { units, scale, currency } => {
                json!({"amount": decimal(*units, *scale), "currency": currency.as_str()})
            }
            Cell::Nothing => serde_json::Value::Null,
        }
    }

    const fn is_name(&self) -> bool {
        matches!(self, Cell::Text(_))
    }
}

impl Sheet {
    pub(super) fn new(title: &str, columns: Vec<Column>) -> Sheet {
        Sheet { title: title.to_owned(), notes: Vec::new(), columns, rows: Vec::new() }
    }

    /// In a form, as bytes.
    pub fn render(&self, form: Form) -> Result<Vec<u8>, XlsxError> {
        Ok(match form {
            Form::Table => self.table().into_bytes(),
            Form::Csv => self.csv().into_bytes(),
            Form::Json => format!("{}\n", self.json()).into_bytes(),
            Form::Xlsx => self.xlsx()?,
            Form::Svg => self.svg().into_bytes(),
        })
    }

    /// For a terminal: title and notes, the rows, then the formula of each column.
    pub fn table(&self) -> String {
        let mut text = format!("{}\n", self.title);
        for note in &self.notes {
            let _ = writeln!(text, "{note}");
        }
        text.push('\n');
        let mut rows: Vec<Vec<String>> = vec![self.columns.iter().map(|column| column.name.to_uppercase()).collect()];
        rows.extend(self.rows.iter().map(|row| row.iter().map(Cell::shown).collect()));
        let width =
            |n: usize| rows.iter().filter_map(|row| row.get(n)).map(|cell| cell.chars().count()).max().unwrap_or(0);
        let widths: Vec<usize> = (0..self.columns.len()).map(width).collect();
        for row in &rows {
            let cells = row.iter().zip(&widths).zip(&self.columns);
            let cells: Vec<String> = cells
                .map(|((cell, width), column)| match column.formula.is_empty() {
                    true => format!("{cell:width$}"),
                    false => format!("{cell:>width$}"),
                })
                .collect();
            let _ = writeln!(text, "{}", cells.join("  ").trim_end());
        }
        text.push('\n');
        for column in self.columns.iter().filter(|column| !column.formula.is_empty()) {
            let _ = writeln!(text, "{} = {}", column.name, column.formula);
        }
        text
    }

    /// Title, notes and formulas are comment lines above the header.
    pub fn csv(&self) -> String {
        let mut text = String::new();
        for line in std::iter::once(&self.title).chain(&self.notes) {
            let _ = writeln!(text, "# {}", line.replace(['\n', '\r'], " "));
        }
        for column in self.columns.iter().filter(|column| !column.formula.is_empty()) {
            let _ = writeln!(text, "# {} = {}", column.name, column.formula);
        }
        let names: Vec<String> = self.columns.iter().map(|column| quoted(&column.name, true)).collect();
        let _ = writeln!(text, "{}", names.join(","));
        for row in &self.rows {
            let cells: Vec<String> = row.iter().map(|cell| quoted(&cell.plain(), cell.is_name())).collect();
            let _ = writeln!(text, "{}", cells.join(","));
        }
        text
    }

    /// Every value with what it is made of.
    pub fn json(&self) -> serde_json::Value {
        let row = |row: &Vec<Cell>| {
            let cells = self.columns.iter().zip(row).map(|(column, cell)| (column.name.clone(), cell.json()));
            serde_json::Value::Object(cells.collect::<Map<_, _>>())
        };
        let formulas = self.columns.iter().filter(|column| !column.formula.is_empty());
        let formulas: Map<String, serde_json::Value> =
            formulas.map(|column| (column.name.clone(), json!(column.formula))).collect();
        json!({
            "title": self.title,
            "notes": self.notes,
            "formulas": formulas,
            "rows": self.rows.iter().map(row).collect::<Vec<_>>(),
        })
    }

    /// Numbers are numbers there: shares as percentages, times in seconds. Text is never a formula.
    fn xlsx(&self) -> Result<Vec<u8>, XlsxError> {
        let mut book = Workbook::new();
        let (bold, share) = (CellFormat::new().set_bold(), CellFormat::new().set_num_format("0.0%"));
        let seconds = CellFormat::new().set_num_format("0.0");
        let sheet = book.add_worksheet();
        sheet.set_name("Report")?;
        let mut at = 0;
        let head = std::iter::once(&self.title).chain(&self.notes);
        at += u32::try_from(self.notes.len()).unwrap_or(0) + 2;
        sheet.set_freeze_panes(at + 1, 0)?;
        for (n, column) in (0_u16..).zip(&self.columns) {
            sheet.write_string_with_format(at, n, &column.name, &bold)?;
        }
        for row in &self.rows {
            at += 1;
            for (n, cell) in (0_u16..).zip(row) {
                let plain = cell.plain();
                match (cell, plain.parse::<f64>()) {
                    (Cell::Text(text), _) => sheet.write_string(at, n, text)?,
                    (Cell::Value(Value::Share(..)), Ok(percent)) => {
                        sheet.write_number_with_format(at, n, percent / 100.0, &share)?
                    }
                    (Cell::Value(Value::Mean(..)), Ok(s)) => sheet.write_number_with_format(at, n, s, &seconds)?,
                    (Cell::Value(_) | Cell::Money { .. }, Ok(number)) => sheet.write_number(at, n, number)?,
                    (Cell::Value(_) | Cell::Money { .. } | Cell::Nothing, _) => sheet,
                };
            }
        }
        // Columns are as wide as what is in them; what stands above them runs over several.
        sheet.autofit();
        for (at, line) in (0_u32..).zip(head) {
            sheet.write_string(at, 0, line)?;
        }
        let formulas = book.add_worksheet();
        formulas.set_name("Formulas")?;
        for (at, column) in (0_u32..).zip(self.columns.iter().filter(|column| !column.formula.is_empty())) {
            formulas.write_string_with_format(at, 0, &column.name, &bold)?;
            formulas.write_string(at, 1, &column.formula)?;
        }
        formulas.autofit();
        book.save_to_buffer()
    }

    /// A bar for each row.
    fn svg(&self) -> String {
        let is_share = |cell: &Cell| matches!(cell, Cell::Value(Value::Share(..)));
        let drawn = |cell: &Cell| matches!(cell, Cell::Value(Value::Share(..) | Value::Count(_) | Value::Mean(..)));
        let column = |of: &dyn Fn(&Cell) -> bool| self.rows.first().and_then(|row| row.iter().position(of));
        let shown = column(&is_share).or_else(|| column(&drawn));
        let bars: Vec<(String, u64, String)> = self
            .rows
            .iter()
            .take(BARS_MAX)
            .filter_map(|row| {
                let cell = row.get(shown?)?;
                let names: Vec<String> = row.iter().take_while(|cell| cell.is_name()).map(Cell::shown).collect();
                let Cell::Value(value) = cell else { return None };
                Some((names.join("  "), value.rounded().unwrap_or(0), value.to_string()))
            })
            .collect();
        let whole = match shown.and_then(|n| self.rows.first()?.get(n)) {
            Some(cell) if is_share(cell) => 1000,
            _ => bars.iter().map(|(_, value, _)| *value).max().unwrap_or(0).max(1),
        };
        let title = shown
            .and_then(|n| self.columns.get(n))
            .map_or(String::new(), |column| format!("{}: {} = {}", self.title, column.name, column.formula));
        picture(&title, &self.notes, &bars, whole, self.rows.len().saturating_sub(bars.len()))
    }
}

fn picture(title: &str, notes: &[String], bars: &[(String, u64, String)], whole: u64, left_out: usize) -> String {
    let top = 56 + 18 * notes.len();
    let (pitch, size) = if bars.len() > BARS_WIDE { (12, 10) } else { (24, 13) };
    let height = top + pitch * bars.len() + if left_out > 0 { 40 } else { 20 };
    let longest = bars.iter().map(|(name, _, _)| name.chars().count()).max().unwrap_or(0);
    let left = 28 + 8 * longest.max(8);
    let room = 1000_usize.saturating_sub(left + 110);
    let mut svg = format!(
        "<svg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 1000 {height}' width='1000' height='{height}' \
         font-family='DejaVu Sans, Helvetica, Arial, sans-serif' font-size='13' fill='#1d2730'>\n\
         <rect width='100%' height='100%' fill='#ffffff'/>\n"
    );
    let mut text = |x: usize, y: usize, more: &str, what: &str| {
        let safe = what.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
        let _ = writeln!(svg, "<text x='{x}' y='{y}' {more}>{safe}</text>");
    };
    text(28, 34, "font-size='17' font-weight='bold'", title);
    for (n, note) in notes.iter().enumerate() {
        text(28, 56 + 18 * n, "fill='#5c6b77' font-size='12'", note);
    }
    for (n, (name, value, shown)) in bars.iter().enumerate() {
        let y = top + pitch * n + size;
        let width = usize::try_from(u128::from(*value) * room as u128 / u128::from(whole)).unwrap_or(0);
        text(left - 8, y, &format!("text-anchor='end' font-size='{size}'"), name);
        text(left + width.min(room) + 8, y, &format!("fill='#5c6b77' font-size='{size}'"), shown);
    }
    if left_out > 0 {
        text(28, height - 14, "fill='#5c6b77' font-size='12'", &format!("{left_out} further rows are not drawn"));
    }
    for (n, (_, value, _)) in bars.iter().enumerate() {
        let width = usize::try_from(u128::from(*value) * room as u128 / u128::from(whole)).unwrap_or(0);
        let _ = writeln!(
            svg,
            "<rect x='{left}' y='{}' width='{}' height='{}' rx='2' fill='#0b6e8a'/>",
            top + pitch * n + 1,
            width.min(room),
            pitch * 2 / 3
        );
    }
    svg.push_str("</svg>\n");
    svg
}

/// A CSV cell; a name that a spreadsheet would take for a formula begins with an apostrophe.
fn quoted(text: &str, is_name: bool) -> String {
    let guarded = match is_name && text.starts_with(['=', '+', '-', '@', '\t', '\r']) && text.len() > 1 {
        true => format!("'{text}"),
        false => text.to_owned(),
    };
    match guarded.contains([',', '"', '\n', '\r']) {
        true => format!("\"{}\"", guarded.replace('"', "\"\"")),
        false => guarded,
    }
}
