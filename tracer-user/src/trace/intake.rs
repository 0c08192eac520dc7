//! The only way into the tracker: each input is also recorded, so that a recording lacks none. Credentials for proxies
//! are overwritten on the way, so that neither the tracker nor a recording ever has them.

use std::ops::Deref;

use tracer_core::{
    credentials::Credentials, host_filter::HostFilter, input::Input, process::Process,
    sample::Sample, tracker::Tracker,
};

use crate::source::record::Recorder;

/// A tracker that can be read freely and gets inputs by [`Intake::input`] only.
#[derive(Debug)]
pub(crate) struct Intake {
    tracker: Tracker,
    credentials: Credentials,
    /// Recorder of the inputs, when they are recorded.
    pub(crate) recorder: Option<Recorder>,
}

impl Deref for Intake {
    type Target = Tracker;

    fn deref(&self) -> &Tracker {
        &self.tracker
    }
}

impl Intake {
    /// Makes an intake for `tracker`.
    pub(crate) fn new(tracker: Tracker, recorder: Option<Recorder>) -> Self {
        Self {
            tracker,
            credentials: Credentials::default(),
            recorder,
        }
    }

    /// Continues with an empty tracker, and records its inputs from the first one on.
    pub(crate) fn begin_again(&mut self, tracker: Tracker, recorder: Recorder) {
        let before = std::mem::replace(&mut self.tracker, tracker);
        self.tracker.keep_samples_of(before);
        self.credentials = Credentials::default();
        self.recorder = Some(recorder);
    }

    /// Sets another filter of hosts. No recording tells of it.
    pub(crate) fn set_hosts(&mut self, hosts: HostFilter) -> HostFilter {
        self.tracker.set_hosts(hosts)
    }

    /// Takes one input.
    pub(crate) fn input(&mut self, input: &Input<'_>) {
        let harmless;
        let input = match input {
            Input::Record(record) => {
                harmless = Input::Record(self.credentials.hide(record));
                &harmless
            }
            _ => input,
        };
        if let Some(recorder) = &mut self.recorder {
            recorder.input(input);
        }
        self.tracker.input(input);
    }

    /// Informs the recorder that the following inputs came at `now_ns` or later.
    pub(crate) fn clock(&mut self, now_ns: u64) {
        if let Some(recorder) = &mut self.recorder {
            recorder.clock(now_ns);
        }
    }

    /// Ends the samples of connections that are still open, at the end of the trace.
    pub(crate) fn finish_samples(&mut self, now_ns: u64) {
        self.tracker.finish_samples(now_ns);
    }

    /// Samples that have ended since the last time, and the number of those that were dropped.
    pub(crate) fn take_samples(&mut self) -> (Vec<Sample>, u64) {
        self.tracker.take_samples()
    }

    /// Namespaces that traced connections were made in; each is returned once.
    pub(crate) fn take_namespaces(&mut self) -> Vec<u32> {
        self.tracker.take_namespaces()
    }

    /// Processes that have not been looked up in /proc yet; each is returned once.
    pub(crate) fn take_unresolved(&mut self) -> Vec<(u32, Process)> {
        self.tracker.processes.take_unresolved()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs::File, io::Seek, time::SystemTime};

    use tracer_common::record::{
        ConnectRecord, Header, TunnelRecord, VERSION, connect, kind, note, tunnel,
    };
    use tracer_core::tracker::TrackerOptions;
    use tracer_recording::{End, Entry, Reader};
    use zerocopy::{FromZeros, IntoBytes};

    use super::*;
    use crate::source::recording;
    use crate::trace::description::{Description, Machine};

    fn header<T>(kind: u8, cookie: u64) -> Header {
        Header {
            kind,
            version: VERSION,
            pad: 0,
            size: size_of::<T>() as u32,
            time_ns: 50,
            cookie,
        }
    }

    fn aligned(bytes: &[u8]) -> Vec<u64> {
        let mut words = vec![0; bytes.len().div_ceil(8)];
        words.as_mut_bytes()[..bytes.len()].copy_from_slice(bytes);
        words
    }

    fn connected(cookie: u64) -> Vec<u64> {
        let mut record = ConnectRecord::new_zeroed();
        record.header = header::<ConnectRecord>(kind::CONNECT, cookie);
        (record.endpoint.family, record.outcome) = (2, connect::ESTABLISHED);
        aligned(record.as_bytes())
    }

    fn sent(cookie: u64, clear: u8, offset: usize, bytes: &[u8]) -> Vec<u64> {
        let header = header::<Header>(kind::HELLO, cookie);
        let (offset, length) = (offset as u32, bytes.len() as u16);
        let rest = [
            &offset.to_ne_bytes()[..],
            &length.to_ne_bytes(),
            &[0, clear],
        ]
        .concat();
        aligned(&[header.as_bytes(), &rest, bytes].concat())
    }

    fn opened(cookie: u64) -> Vec<u64> {
        let mut record = TunnelRecord::new_zeroed();
        record.header = header::<TunnelRecord>(kind::TUNNEL, cookie);
        (record.kind, record.outcome) = (tunnel::CONNECT, tunnel::OPENED);
        aligned(record.as_bytes())
    }

    /// Records of three connections whose clients tell a proxy who they are.
    fn records() -> Vec<Vec<u64>> {
        let connect =
            b"CONNECT a.example:443 HTTP/1.1\r\nProxy-Authorization: Basic c2VjcmV0\r\n\r\n";
        let socks = [
            &b"\x05\x02\0\x02"[..],
            b"\x01\x04user\x06secret",
            b"\x05\x01\0\x03\x09b.example\x01\xbb",
        ];
        let clear = b"GET http://c.example/ HTTP/1.1\r\nProxy-Authorization: Basic c2VjcmV0\r\nHost: c.example\r\n\r\n";
        let mut records = vec![
            connected(1),
            sent(1, note::TUNNEL, 0, &connect[..40]),
            sent(1, note::TUNNEL, 40, &connect[40..]),
            opened(1),
            connected(2),
        ];
        let mut offset = 0;
        for part in socks {
            records.push(sent(2, note::TUNNEL, offset, part));
            offset += part.len();
        }
        records.extend([opened(2), connected(3), sent(3, 1, 0, clear)]);
        records
    }

    fn recorder(file: &File) -> Recorder {
        let about = Description {
            machine: Machine::this(),
            started_at: SystemTime::UNIX_EPOCH,
            started_ns: 0,
            as_of_ns: 0,
            filter: Default::default(),
            command: None,
            command_cpu: None,
            http2: None,
        };
        let start = recording::start(&about, &TrackerOptions::default());
        let mut recorder = Recorder::new(file.try_clone().unwrap(), start);
        recorder.start().unwrap();
        recorder
    }

    fn hosts(tracker: &Tracker) -> Vec<String> {
        let hosts = tracker.snapshot().hosts.into_iter();
        hosts.map(|host| host.key.to_string()).collect()
    }

    #[test]
    fn a_recording_has_no_credentials_for_proxies() {
        let mut file = tempfile::tempfile().unwrap();
        let tracker = Tracker::new(TrackerOptions::default());
        let mut intake = Intake::new(tracker, Some(recorder(&file)));
        for record in records() {
            intake.input(&Input::Record(record.as_bytes()));
        }
        // The third connection belongs to its proxy, as long as no request on it has ended.
        let expected = ["0.0.0.0:0", "a.example:443", "b.example:443"];
        assert_eq!(hosts(&intake), expected);
        let recorder = intake.recorder.take().unwrap();
        recorder.end(End::default()).unwrap().wait().unwrap();

        file.rewind().unwrap();
        let (mut reader, _) = Reader::open(std::io::BufReader::new(file)).unwrap();
        let mut replay = Intake::new(Tracker::new(TrackerOptions::default()), None);
        let mut all = Vec::new();
        while let Some(entry) = reader.next() {
            if let Entry::Input(input) = entry {
                if let Input::Record(record) = &input {
                    all.extend_from_slice(record);
                }
                replay.input(&input);
            }
        }
        assert_eq!(hosts(&replay), expected);
        for secret in [&b"secret"[..], b"user", b"c2VjcmV0"] {
            assert!(all.windows(secret.len()).all(|part| part != secret));
        }
    }
}
