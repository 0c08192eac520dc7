//! Writes JSON objects, one per line.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::marker::PhantomData;
use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::ser::Formatter;

use super::{Encode, OutError, failed};
use crate::files::{Files, Mode};

/// Number of bytes buffered before they are written.
const BUFFER_BYTES: usize = 256 << 10;
/// Size of the blocks searched for the end of the last line.
const TAIL_BYTES: u64 = 64 << 10;

/// Writes lines to a file or to standard output.
pub struct Jsonl<T> {
    path: PathBuf,
    target: Target,
    buffer: Vec<u8>,
    item: PhantomData<fn(T)>,
}

enum Target {
    File(File),
    Stdout,
}

impl<T: Serialize + Send + 'static> Jsonl<T> {
    /// Opens a file to continue after its last complete line, or makes it. `-` is standard output.
    pub fn open(path: &Path, files: &Files) -> Result<Self, OutError> {
        let target = if path == Path::new("-") {
            Target::Stdout
        } else {
            Target::File(open_file(path, files)?)
        };
        Ok(Self {
            path: path.to_owned(),
            target,
            buffer: Vec::new(),
            item: PhantomData,
        })
    }
}

fn open_file(path: &Path, files: &Files) -> Result<File, OutError> {
    let mut file = files.open(path, Mode::Keep).map_err(failed("open", path))?;
    // A pipe or a terminal has no end that could be incomplete.
    if file.metadata().map_err(failed("read", path))?.is_file() {
        let end = end_of_lines(&mut file).map_err(failed("read", path))?;
        file.set_len(end).map_err(failed("cut", path))?;
        file.seek(SeekFrom::Start(end))
            .map_err(failed("read", path))?;
    }
    Ok(file)
}

/// End of the last complete line.
fn end_of_lines(file: &mut File) -> io::Result<u64> {
    let mut end = file.metadata()?.len();
    let mut block = Vec::new();
    while end > 0 {
        let start = end.saturating_sub(TAIL_BYTES);
        file.seek(SeekFrom::Start(start))?;
        block.clear();
        file.take(end - start).read_to_end(&mut block)?;
        if let Some(at) = block.iter().rposition(|&byte| byte == b'\n') {
            return Ok(start + at as u64 + 1);
        }
        end = start;
    }
    Ok(0)
}

impl<T: Serialize + Send + 'static> Encode for Jsonl<T> {
    type Item = T;

    fn write(&mut self, item: &T) -> Result<(), OutError> {
        let mut serializer = serde_json::Serializer::with_formatter(&mut self.buffer, Printable);
        item.serialize(&mut serializer)
            .map_err(|error| failed("encode a line of", &self.path)(error.into()))?;
        self.buffer.push(b'\n');
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()
        } else {
            Ok(())
        }
    }

    fn flush(&mut self) -> Result<(), OutError> {
        let written = match &mut self.target {
            Target::File(file) => file.write_all(&self.buffer),
            Target::Stdout => {
                let mut stdout = io::stdout().lock();
                stdout.write_all(&self.buffer).and_then(|()| stdout.flush())
            }
        };
        self.buffer.clear();
        written.map_err(failed("write to", &self.path))
    }

    fn finish(&mut self) -> Result<(), OutError> {
        self.flush()?;
        match &self.target {
            Target::File(file) if file.metadata().is_ok_and(|data| data.is_file()) => {
                file.sync_data().map_err(failed("write to", &self.path))
            }
            _ => Ok(()),
        }
    }
}

/// Formatter that also escapes the characters 0x7F to 0x9F, which can control terminals. JSON itself requires escapes
/// only below 0x20.
struct Printable;

impl Formatter for Printable {
    fn write_string_fragment<W: ?Sized + Write>(
        &mut self,
        writer: &mut W,
        mut fragment: &str,
    ) -> io::Result<()> {
        while let Some(at) = fragment.find(|character| ('\u{7F}'..='\u{9F}').contains(&character)) {
            writer.write_all(&fragment.as_bytes()[..at])?;
            let character = fragment[at..].chars().next().unwrap_or_default();
            write!(writer, "\\u{:04x}", u32::from(character))?;
            fragment = &fragment[at + character.len_utf8()..];
        }
        writer.write_all(fragment.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::Value;

    use super::super::Output;
    use super::super::record::{FailureRecord, LinkCounts, PageRecord, RedirectRecord};
    use super::*;
    use crate::outcome::Class;

    fn lines(path: &Path) -> Vec<Value> {
        let text = std::fs::read_to_string(path).unwrap();
        assert!(text.is_empty() || text.ends_with('\n'));
        text.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn everything_sent_is_written_and_told() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.jsonl");
        let output = Output::start(
            "jsonl",
            Jsonl::<Value>::open(&path, &Files::default()).unwrap(),
        )
        .unwrap();
        let sink = output.sink();
        let (tell, mut told) = tokio::sync::mpsc::unbounded_channel();
        for number in 0..1_000 {
            let (tell, path) = (tell.clone(), path.clone());
            let written = move || {
                tell.send((number, std::fs::metadata(path).unwrap().len()))
                    .unwrap()
            };
            sink.send_then(Value::from(number), written).await.unwrap();
        }
        drop((sink, tell));
        tokio::task::spawn_blocking(|| output.close().unwrap())
            .await
            .unwrap();
        assert_eq!(
            lines(&path),
            (0..1_000).map(Value::from).collect::<Vec<_>>()
        );
        let mut bytes = 0;
        for expected in 0..1_000 {
            let (number, length) = told.recv().await.unwrap();
            bytes += format!("{number}\n").len() as u64;
            assert!(
                number == expected && length >= bytes,
                "told before it was in the file"
            );
        }
    }

    #[tokio::test(flavor = "multi_thread")]
    async fn a_full_disk_is_an_error_not_a_silence() {
        let output = Output::start(
            "jsonl",
            Jsonl::<Value>::open(Path::new("/dev/full"), &Files::default()).unwrap(),
        )
        .unwrap();
        let sink = output.sink();
        while sink.send(Value::Null).await.is_ok() {
            tokio::task::yield_now().await;
        }
        drop(sink);
        let result = tokio::task::spawn_blocking(|| output.close())
            .await
            .unwrap();
        assert!(matches!(
            result,
            Err(OutError::Io {
                doing: "write to",
                ..
            })
        ));
    }

    #[test]
    fn a_torn_line_is_cut() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.jsonl");
        for (before, kept) in [
            ("", 0),
            ("{\"a\":1}\n", 1),
            ("1\n2\n{\"to", 2),
            ("{\"to", 0),
            (&"x".repeat(200_000), 0),
        ] {
            std::fs::write(&path, before).unwrap();
            let mut jsonl = Jsonl::<Value>::open(&path, &Files::default()).unwrap();
            jsonl.write(&Value::Null).unwrap();
            jsonl.finish().unwrap();
            assert_eq!(lines(&path).len(), kept + 1, "{:.20}", before);
        }
    }

    #[test]
    fn a_record_has_the_promised_keys() {
        let record = PageRecord {
            url: "http://h/b".into(),
            requested_url: "http://h/a".into(),
            status: Some(404),
            failure: Some(FailureRecord {
                class: Class::Status,
                message: "\u{1b}[31m\u{9b}31m\u{7f}".into(),
            }),
            redirects: vec![RedirectRecord {
                status: 301,
                url: "http://h/a".into(),
            }],
            links: LinkCounts {
                found: 2,
                skipped: [("robots", 2)].into(),
                ..LinkCounts::default()
            },
            ..PageRecord::default()
        };
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("out.jsonl");
        let mut jsonl = Jsonl::open(&path, &Files::default()).unwrap();
        jsonl.write(&record).unwrap();
        jsonl.finish().unwrap();
        assert_eq!(lines(&path), [serde_json::to_value(&record).unwrap()]);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(!text.trim_end().chars().any(char::is_control), "{text:?}");
        for key in [
            "\"total_ns\":0",
            "\"failure\":{\"class\":\"status\"",
            "\"skipped\":{\"robots\":2}",
            "\"status\":404",
        ] {
            assert!(text.contains(key), "{key}: {text}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn any_text_comes_back(texts in prop::collection::vec(any::<String>(), 0..8), cut in 0_usize..40) {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("out.jsonl");
            let mut jsonl = Jsonl::<String>::open(&path, &Files::default()).unwrap();
            for text in &texts {
                jsonl.write(text).unwrap();
            }
            jsonl.finish().unwrap();
            let read = lines(&path);
            prop_assert_eq!(&read, &texts.iter().map(|text| Value::from(text.as_str())).collect::<Vec<_>>());
            // The file is cut at an arbitrary place.
            let bytes = std::fs::read(&path).unwrap();
            std::fs::write(&path, &bytes[..bytes.len().saturating_sub(cut)]).unwrap();
            Jsonl::<String>::open(&path, &Files::default()).unwrap();
            let rest = lines(&path);
            prop_assert_eq!(&rest, &read[..rest.len()]);
        }
    }
}
