//! Edge: files that rows go into.

use super::{Cell, Column, Format};
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// A file under way.
pub enum Sink {
    /// CSV.
    Csv(Box<csv::Writer<Box<dyn Write>>>),
    /// JSON lines.
    Jsonl(Vec<Column>, BufWriter<Box<dyn Write>>),
    /// Parquet.
    #[cfg(feature = "parquet")]
    Parquet(Box<super::sink_parquet::ParquetSink>),
}

impl Sink {
    /// Opens `path` (`None` = standard output) for `format`.
    ///
    /// # Errors
    /// The file cannot be written, Parquet to standard output, or a build without Parquet.
    pub fn create(format: Format, columns: &[Column], path: Option<&Path>) -> io::Result<Self> {
        let out = |path: Option<&Path>| -> io::Result<Box<dyn Write>> {
            Ok(match path {
                Some(path) => Box::new(File::create(path)?),
                None => Box::new(io::stdout()),
            })
        };
        match format {
            Format::Csv => {
                let mut writer = csv::WriterBuilder::new().buffer_capacity(1 << 16).from_writer(out(path)?);
                writer.write_record(columns.iter().map(|c| &c.name)).map_err(io::Error::other)?;
                Ok(Self::Csv(Box::new(writer)))
            }
            Format::Jsonl => Ok(Self::Jsonl(columns.to_vec(), BufWriter::with_capacity(1 << 16, out(path)?))),
            #[cfg(feature = "parquet")]
            Format::Parquet => match path {
                Some(path) => {
                    Ok(Self::Parquet(Box::new(super::sink_parquet::ParquetSink::create(columns, File::create(path)?)?)))
                }
                None => Err(io::Error::new(io::ErrorKind::InvalidInput, "Parquet needs a file: give --out FILE")),
            },
            #[cfg(not(feature = "parquet"))]
            Format::Parquet => Err(io::Error::new(
                io::ErrorKind::Unsupported,
                "this build has no Parquet; build with `--features parquet`",
            )),
        }
    }

    /// Appends a row.
    ///
    /// # Errors
    /// The disk.
    pub fn write(&mut self, row: &[Cell]) -> io::Result<()> {
        match self {
            Self::Csv(writer) => {
                for cell in row {
                    match cell {
                        Cell::None => writer.write_field(""),
                        Cell::Int(n) => writer.write_field(n.to_string()),
                        Cell::Text(text) => writer.write_field(text),
                        Cell::Float(x) => writer.write_field(x.to_string()),
                    }
                    .map_err(io::Error::other)?;
                }
                writer.write_record(None::<&[u8]>).map_err(io::Error::other)
            }
            Self::Jsonl(columns, writer) => {
                let object: serde_json::Map<String, serde_json::Value> = columns
                    .iter()
                    .zip(row)
                    .map(|(c, cell)| (c.name.clone(), serde_json::to_value(cell).unwrap_or(serde_json::Value::Null)))
                    .collect();
                serde_json::to_writer(&mut *writer, &object)?;
                writer.write_all(b"\n")
            }
            #[cfg(feature = "parquet")]
            Self::Parquet(sink) => sink.write(row),
        }
    }

    /// Completes the file.
    ///
    /// # Errors
    /// The disk.
    pub fn finish(self) -> io::Result<()> {
        match self {
            Self::Csv(mut writer) => writer.flush(),
            Self::Jsonl(_, mut writer) => writer.flush(),
            #[cfg(feature = "parquet")]
            Self::Parquet(sink) => sink.finish(),
        }
    }
}
