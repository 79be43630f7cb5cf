//! Records as Parquet: the columns of the CSV with their types, and the whole record as JSON behind them.
//!
//! Amounts are decimals of eight places, whatever the book's own scale: nothing is rounded and nothing is floating point.

use std::fmt;
use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::Compression;
use parquet::column::writer::ColumnWriterImpl;
use parquet::data_type::{BoolType, ByteArray, ByteArrayType, DataType, FixedLenByteArray, FixedLenByteArrayType};
use parquet::data_type::{Int32Type, Int64Type};
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use parquet::file::reader::{FileReader, SerializedFileReader};
use parquet::file::writer::{SerializedColumnWriter, SerializedFileWriter};
use parquet::record::RowAccessor;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::{ColumnPath, TypePtr};
use turno_base::Money;
use turno_tariff::cdr::Record;
use turno_tariff::cdr::format::{self, COLUMNS, Column};

/// Records of one row group: as many wait in memory for their file.
pub const GROUP_ROWS: usize = 4096;
/// Decimals of an amount.
const AMOUNT_SCALE: u8 = 8;
/// The whole record.
const RECORD: &str = "record";

/// A Parquet file in the making. Nobody can read it before [`Sheet::close`].
pub struct Sheet<W: Write + Send> {
    file: SerializedFileWriter<W>,
    waiting: Vec<Record>,
}

impl<W: Write + Send> fmt::Debug for Sheet<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Sheet({} waiting)", self.waiting.len())
    }
}

impl<W: Write + Send> Sheet<W> {
    /// Begins one.
    pub fn begin(to: W) -> Result<Sheet<W>, ParquetError> {
        let unlike = |name: &str| ColumnPath::from(vec![name.to_owned()]);
        // Of these no two are alike: a dictionary of them would be written beside what it stands for.
        let properties = WriterProperties::builder()
            .set_created_by(concat!("turno ", env!("CARGO_PKG_VERSION")).to_owned())
            .set_compression(Compression::SNAPPY)
            .set_column_dictionary_enabled(unlike("call"), false)
            .set_column_dictionary_enabled(unlike(RECORD), false);
        let file = SerializedFileWriter::new(to, schema(), Arc::new(properties.build()))?;
        Ok(Sheet { file, waiting: Vec::new() })
    }

    /// Adds a row.
    pub fn push(&mut self, record: Record) -> Result<(), ParquetError> {
        self.waiting.push(record);
        if self.waiting.len() < GROUP_ROWS { Ok(()) } else { self.write_group() }
    }

    /// Writes what waits and what a reader needs; gives back what was written to.
    pub fn close(mut self) -> Result<W, ParquetError> {
        self.write_group()?;
        self.file.into_inner()
    }

    fn write_group(&mut self) -> Result<(), ParquetError> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        let rows = std::mem::take(&mut self.waiting);
        let mut group = self.file.next_row_group()?;
        for (_, column) in COLUMNS {
            write_column(next(group.next_column()?)?, column, &rows)?;
        }
        let mut last = next(group.next_column()?)?;
        put::<ByteArrayType>(last.typed(), &rows, |of| ByteArray::from(format::json(of).into_bytes()))?;
        last.close()?;
        group.close().map(drop)
    }
}

fn next(column: Option<SerializedColumnWriter<'_>>) -> Result<SerializedColumnWriter<'_>, ParquetError> {
    column.ok_or_else(|| ParquetError::General("the schema has fewer columns than a record".to_owned()))
}

/// One message of COLUMNS and the record.
fn schema() -> TypePtr {
    let column = |(name, column): &(&str, Column)| match column {
        Column::Text(_) | Column::Number(_) => format!("optional binary {name} (STRING);"),
        Column::Whole(_) => format!("optional int64 {name};"),
        Column::Hundredths(_) => format!("optional int32 {name} (DECIMAL(9,2));"),
        Column::Instant(_) => format!("required int64 {name} (TIMESTAMP(MICROS,true));"),
        Column::Flag(_) => format!("required boolean {name};"),
        Column::Amount(_) => format!("optional fixed_len_byte_array(16) {name} (DECIMAL(38,{AMOUNT_SCALE}));"),
    };
    let columns: String = COLUMNS.iter().map(column).collect();
    let message = format!("message call {{ {columns} required binary {RECORD} (JSON); }}");
    Arc::new(parse_message_type(&message).expect("the columns' names are plain words"))
}

fn write_column(mut to: SerializedColumnWriter<'_>, column: Column, rows: &[Record]) -> Result<(), ParquetError> {
    let words = |text: String| (!text.is_empty()).then(|| ByteArray::from(text.into_bytes()));
    match column {
        Column::Text(of) | Column::Number(of) => {
            put_some::<ByteArrayType>(to.typed(), rows, |row| words(of(row)))?;
        }
        Column::Whole(of) => {
            let whole = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
            put_some::<Int64Type>(to.typed(), rows, |row| of(row).map(whole))?;
        }
        Column::Hundredths(of) => put_some::<Int32Type>(to.typed(), rows, |row| of(row).map(i32::from))?,
        Column::Instant(of) => put::<Int64Type>(to.typed(), rows, |row| of(row).0)?,
        Column::Flag(of) => put::<BoolType>(to.typed(), rows, of)?,
        Column::Amount(of) => put_some::<FixedLenByteArrayType>(to.typed(), rows, |row| of(row).map(decimal))?,
    }
    to.close()
}

fn put<T: DataType>(
    to: &mut ColumnWriterImpl<'_, T>,
    rows: &[Record],
    of: impl Fn(&Record) -> T::T,
) -> Result<(), ParquetError> {
    let values: Vec<T::T> = rows.iter().map(of).collect();
    to.write_batch(&values, None, None).map(drop)
}

fn put_some<T: DataType>(
    to: &mut ColumnWriterImpl<'_, T>,
    rows: &[Record],
    of: impl Fn(&Record) -> Option<T::T>,
) -> Result<(), ParquetError> {
    let values: Vec<Option<T::T>> = rows.iter().map(of).collect();
    let there: Vec<i16> = values.iter().map(|value| i16::from(value.is_some())).collect();
    let values: Vec<T::T> = values.into_iter().flatten().collect();
    to.write_batch(&values, Some(&there), None).map(drop)
}

/// Any amount fits: 19 digits and 8 more are fewer than 38.
fn decimal(amount: Money) -> FixedLenByteArray {
    let places = u32::from(AMOUNT_SCALE.saturating_sub(amount.scale));
    let units = i128::from(amount.units) * 10_i128.pow(places);
    FixedLenByteArray::from(units.to_be_bytes().to_vec())
}

/// The whole records of a file, as JSON, in its order.
pub fn records(path: &Path) -> Result<Vec<String>, ParquetError> {
    let reader = SerializedFileReader::new(File::open(path)?)?;
    let at = reader.metadata().file_metadata().schema().get_fields().iter().position(|field| field.name() == RECORD);
    let at = at.ok_or_else(|| ParquetError::General(format!("{} has no column {RECORD}", path.display())))?;
    reader.get_row_iter(None)?.map(|row| row?.get_string(at).cloned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::record::Field;
    use turno_base::Currency;

    #[test]
    fn an_amount_keeps_its_value_at_eight_places() {
        for (units, scale, want) in [
            (300, 4, 3_000_000),
            (-1, 8, -1),
            (12, 0, 1_200_000_000),
            // The largest amount there can be, of a currency without decimals.
            (i64::MAX, 0, i128::from(i64::MAX) * 100_000_000),
            (i64::MIN, 2, i128::from(i64::MIN) * 1_000_000),
        ] {
            let bytes = decimal(Money { units, scale, currency: Currency::EUR });
            assert_eq!(bytes.data(), &i128::to_be_bytes(want)[..], "{units} {scale}");
        }
    }

    #[test]
    fn a_file_reads_back_as_the_csv_of_its_records_over_several_row_groups() {
        let rows: Vec<Record> = (0..GROUP_ROWS as u64 + 3).map(crate::shell::store::tests::record).collect();
        let mut sheet = Sheet::begin(Vec::new()).unwrap();
        rows.iter().for_each(|row| sheet.push(row.clone()).unwrap());
        let bytes = sheet.close().unwrap();
        let reader = SerializedFileReader::new(hyper::body::Bytes::from(bytes)).unwrap();
        assert_eq!(reader.num_row_groups(), 2);
        let mut count = 0;
        for (row, record) in reader.get_row_iter(None).unwrap().zip(&rows) {
            let text = format::csv(record);
            let cells = text.trim_end().split(',');
            let row = row.unwrap();
            for ((name, field), cell) in row.get_column_iter().zip(cells) {
                assert_eq!(printed(name, field), cell, "{name}");
            }
            assert_eq!(row.get_string(COLUMNS.len()).unwrap(), &format::json(record));
            count += 1;
        }
        assert_eq!(count, rows.len());
    }

    /// A value as the CSV of a call of these tests has it.
    fn printed(name: &str, field: &Field) -> String {
        match field {
            Field::Null => String::new(),
            Field::Str(text) => text.trim_start_matches('+').to_owned(),
            Field::Long(n) => n.to_string(),
            Field::Bool(is) => is.to_string(),
            Field::TimestampMicros(at) => turno_base::Wall(*at).to_string(),
            Field::Decimal(decimal) => {
                let units = decimal.data().iter().fold(0_i64, |units, &byte| units << 8 | i64::from(byte));
                let four = Money { units: units / 10_000, scale: 4, currency: Currency::EUR };
                assert_eq!((units % 10_000, decimal.scale()), (0, 8), "{name}");
                four.to_string()
            }
            other => panic!("{name}: {other:?}"),
        }
    }
}
