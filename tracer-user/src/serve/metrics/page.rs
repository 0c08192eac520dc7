//! Page of metrics: every family with its samples, written in one of the formats.

use tracer_core::{group::Group, snapshot::Snapshot};

use super::{
    accept::Format,
    family::{Family, Labels},
    figures::{Figures, Place, Source},
    gauges::Gauges,
    hosts::Seen,
    list::Rows,
    protobuf::Protobuf,
    text::Text,
    writer::Writer,
};

/// Content of a page.
pub(super) struct Page<'a> {
    /// Families with the sources of their samples.
    pub(super) families: &'a [(Family, Rows)],
    /// Figures, with those of the snapshot in them.
    pub(super) figures: &'a Figures,
    /// The snapshot.
    pub(super) snapshot: &'a Snapshot,
    /// Groups of the named hosts.
    pub(super) seen: &'a Seen<'a>,
    /// Families beyond those of the list.
    pub(super) gauges: &'a Gauges,
    /// Labels of all hosts without a name.
    pub(super) other: &'a Labels,
}

impl Page<'_> {
    /// Writes the page, in this room.
    pub(super) fn written(&self, format: Format, room: Vec<u8>) -> Vec<u8> {
        match format {
            Format::Text => self.write(Text::new(false, room)),
            Format::OpenMetrics => self.write(Text::new(true, room)),
            Format::Protobuf => self.write(Protobuf::new(room)),
        }
    }

    fn write(&self, mut writer: impl Writer) -> Vec<u8> {
        for (family, rows) in self.families {
            if !rows.iter().any(|(_, source)| self.is_known(*source)) {
                continue;
            }
            writer.family(family);
            for (labels, source) in rows {
                writer.labels(labels);
                self.row(&mut writer, *source);
            }
        }
        for (family, samples) in self.gauges {
            writer.family(family);
            for (labels, value) in samples {
                writer.labels(labels);
                writer.number(&Labels::default(), *value);
            }
        }
        writer.end()
    }

    fn is_known(&self, source: Source) -> bool {
        self.snapshot.has_activity || !matches!(source, Source::Activity(..))
    }

    fn row(&self, writer: &mut impl Writer, source: Source) {
        let none = Labels::default();
        match source {
            Source::Count(place) => self.counts(writer, place),
            Source::Durations(place) => self.durations(writer, place),
            Source::Now(of, true) | Source::Activity(of, true) => self.now_by_host(writer, of),
            Source::Now(of, false) | Source::Activity(of, false) => {
                writer.number(&none, of(&self.snapshot.totals) as f64);
            }
            Source::Trace(of) => writer.number(&none, of(self.snapshot) as f64),
            Source::TraceCount(at) => {
                writer.number(&none, self.figures.trace_counts[at].told() as f64);
            }
        }
    }

    fn counts(&self, writer: &mut impl Writer, place: Place) {
        let figures = self.figures;
        let Some(at) = place.host else {
            let all = figures.trace.counts[place.trace].told();
            return writer.number(&Labels::default(), all as f64);
        };
        for (labels, values) in figures.hosts.labels().iter().zip(&figures.by_host) {
            writer.number(labels, values.counts[at].told() as f64);
        }
        writer.number(self.other, figures.other.counts[at].told() as f64);
    }

    fn durations(&self, writer: &mut impl Writer, place: Place) {
        let figures = self.figures;
        let Some(at) = place.host else {
            let all = &figures.trace.durations[place.trace];
            return writer.durations(&Labels::default(), all);
        };
        for (labels, values) in figures.hosts.labels().iter().zip(&figures.by_host) {
            writer.durations(labels, &values.durations[at]);
        }
        writer.durations(self.other, &figures.other.durations[at]);
    }

    fn now_by_host(&self, writer: &mut impl Writer, of: fn(&Group) -> u64) {
        let mut rest = of(&self.snapshot.totals);
        for (labels, groups) in self.figures.hosts.labels().iter().zip(self.seen) {
            let value = groups.iter().map(|group| of(group)).sum();
            rest = rest.saturating_sub(value);
            writer.number(labels, value as f64);
        }
        writer.number(self.other, rest as f64);
    }
}
