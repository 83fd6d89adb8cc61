//! Edge: Parquet files, written column by column.

use super::{Cell, Column, ColumnType};
use parquet::basic::{Compression, LogicalType, Repetition, Type as PhysicalType, ZstdLevel};
use parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use parquet::file::properties::WriterProperties;
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::Type;
use std::fs::File;
use std::io;
use std::sync::Arc;

/// Rows in a row group.
const GROUP_ROWS: usize = 65_536;

/// A Parquet file under way.
pub struct ParquetSink {
    writer: SerializedFileWriter<File>,
    columns: Vec<Column>,
    rows: Vec<Vec<Cell>>,
}

impl ParquetSink {
    /// A new file.
    ///
    /// # Errors
    /// The disk.
    pub fn create(columns: &[Column], file: File) -> io::Result<Self> {
        let fields = columns
            .iter()
            .map(|column| {
                let (physical, logical) = match column.kind {
                    ColumnType::Int => (PhysicalType::INT64, None),
                    ColumnType::Float => (PhysicalType::DOUBLE, None),
                    ColumnType::Text => (PhysicalType::BYTE_ARRAY, Some(LogicalType::String)),
                };
                Type::primitive_type_builder(&column.name, physical)
                    .with_repetition(Repetition::OPTIONAL)
                    .with_logical_type(logical)
                    .build()
                    .map(Arc::new)
            })
            .collect::<Result<Vec<_>, _>>()
            .map_err(io::Error::other)?;
        let schema = Type::group_type_builder("schema").with_fields(fields).build().map_err(io::Error::other)?;
        let properties = WriterProperties::builder().set_compression(Compression::ZSTD(ZstdLevel::default())).build();
        let writer =
            SerializedFileWriter::new(file, Arc::new(schema), Arc::new(properties)).map_err(io::Error::other)?;
        Ok(Self { writer, columns: columns.to_vec(), rows: Vec::with_capacity(GROUP_ROWS) })
    }

    /// Appends a row.
    ///
    /// # Errors
    /// The disk.
    pub fn write(&mut self, row: &[Cell]) -> io::Result<()> {
        self.rows.push(row.to_vec());
        if self.rows.len() >= GROUP_ROWS { self.flush().map_err(io::Error::other) } else { Ok(()) }
    }

    fn flush(&mut self) -> Result<(), parquet::errors::ParquetError> {
        let mut group = self.writer.next_row_group()?;
        for (at, column) in self.columns.iter().enumerate() {
            let Some(mut writer) = group.next_column()? else { break };
            let cells = || self.rows.iter().map(move |row| row.get(at).unwrap_or(&Cell::None));
            let levels: Vec<i16> = cells().map(|cell| i16::from(*cell != Cell::None)).collect();
            match column.kind {
                ColumnType::Int => {
                    let values: Vec<i64> =
                        cells().filter_map(|c| if let Cell::Int(n) = c { Some(*n) } else { None }).collect();
                    writer.typed::<Int64Type>().write_batch(&values, Some(&levels), None)?;
                }
                ColumnType::Float => {
                    let values: Vec<f64> =
                        cells().filter_map(|c| if let Cell::Float(x) = c { Some(*x) } else { None }).collect();
                    writer.typed::<DoubleType>().write_batch(&values, Some(&levels), None)?;
                }
                ColumnType::Text => {
                    let values: Vec<ByteArray> = cells()
                        .filter_map(|c| if let Cell::Text(t) = c { Some(ByteArray::from(t.as_str())) } else { None })
                        .collect();
                    writer.typed::<ByteArrayType>().write_batch(&values, Some(&levels), None)?;
                }
            }
            writer.close()?;
        }
        group.close()?;
        self.rows.clear();
        Ok(())
    }

    /// Completes the file.
    ///
    /// # Errors
    /// The disk.
    pub fn finish(mut self) -> io::Result<()> {
        if !self.rows.is_empty() {
            self.flush().map_err(io::Error::other)?;
        }
        self.writer.close().map(|_| ()).map_err(io::Error::other)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use parquet::file::reader::{FileReader, SerializedFileReader};

    #[test]
    fn what_is_written_is_read_back() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("t.parquet");
        let columns = [("a", ColumnType::Int), ("b", ColumnType::Text), ("c", ColumnType::Float)]
            .map(|(name, kind)| Column { name: name.to_owned(), kind });
        let mut sink = ParquetSink::create(&columns, File::create(&path).unwrap()).unwrap();
        sink.write(&[Cell::Int(7), Cell::text("61800.30"), Cell::None]).unwrap();
        sink.write(&[Cell::Int(8), Cell::None, Cell::Float(0.1)]).unwrap();
        sink.finish().unwrap();
        let reader = SerializedFileReader::new(File::open(&path).unwrap()).unwrap();
        let rows: Vec<String> = reader.get_row_iter(None).unwrap().map(|r| r.unwrap().to_string()).collect();
        assert_eq!(rows, ["{a: 7, b: \"61800.30\", c: null}", "{a: 8, b: null, c: 0.1}"]);
    }
}
