//! Protobuf format of Prometheus: length-delimited messages `io.prometheus.client.MetricFamily`, with native histograms
//! besides the classic buckets.

pub(super) mod message;

use prost::Message;

use self::message::{
    Bucket, BucketSpan, Counter, Gauge, Histogram, LabelPair, Metric, MetricFamily, MetricType,
};
use super::{
    family::{Family, Labels, Type},
    native::{Native, ZERO_THRESHOLD},
    rising::{BOUNDS_NS, CELLS, RisingDurations},
    writer::Writer,
};

/// Writer of messages.
#[derive(Debug)]
pub(super) struct Protobuf {
    out: Vec<u8>,
    family: Option<MetricFamily>,
    labels: Vec<LabelPair>,
}

impl Protobuf {
    /// Makes a writer into this room, which is empty.
    pub(super) fn new(room: Vec<u8>) -> Self {
        Self {
            out: room,
            family: None,
            labels: Vec::new(),
        }
    }

    fn flush(&mut self) {
        if let Some(family) = self.family.take() {
            // Only a buffer without room is an error, and a vector grows.
            let _ = family.encode_length_delimited(&mut self.out);
        }
    }

    fn push(&mut self, labels: &Labels, fill: impl FnOnce(&mut Metric, MetricType)) {
        let Some(family) = &mut self.family else {
            return;
        };
        let mut metric = Metric {
            label: self.labels.clone(),
            ..Metric::default()
        };
        metric.label.extend(pairs(labels));
        fill(&mut metric, family.r#type());
        family.metric.push(metric);
    }
}

impl Writer for Protobuf {
    fn family(&mut self, family: &Family) {
        self.flush();
        let kind = match family.kind {
            Type::Counter => MetricType::Counter,
            Type::Gauge | Type::Info => MetricType::Gauge,
            Type::Histogram => MetricType::Histogram,
        };
        self.family = Some(MetricFamily {
            name: Some(family.sample()),
            help: Some(family.help.clone()),
            r#type: Some(kind.into()),
            metric: Vec::new(),
        });
    }

    fn labels(&mut self, labels: &Labels) {
        self.labels = pairs(labels).collect();
    }

    fn number(&mut self, labels: &Labels, value: f64) {
        self.push(labels, |metric, kind| match kind {
            MetricType::Counter => metric.counter = Some(Counter { value: Some(value) }),
            _ => metric.gauge = Some(Gauge { value: Some(value) }),
        });
    }

    fn durations(&mut self, labels: &Labels, value: &RisingDurations) {
        self.push(labels, |metric, _| {
            metric.histogram = Some(histogram(value))
        });
    }

    fn end(mut self) -> Vec<u8> {
        self.flush();
        self.out
    }
}

fn pairs(labels: &Labels) -> impl Iterator<Item = LabelPair> + '_ {
    labels.pairs.iter().map(|(name, value)| LabelPair {
        name: Some(name.clone()),
        value: Some(value.clone()),
    })
}

fn histogram(value: &RisingDurations) -> Histogram {
    let native = Native::of(&value.told());
    let (spans, deltas) = spans(&native);
    Histogram {
        sample_count: Some(value.cells().iter().sum()),
        sample_sum: Some(value.sum_s()),
        bucket: classic(value.cells()),
        schema: Some(native.schema),
        zero_threshold: Some(ZERO_THRESHOLD),
        zero_count: Some(native.zero),
        positive_span: spans,
        positive_delta: deltas,
    }
}

/// Classic buckets; that without a bound is the number of all samples.
fn classic(cells: &[u64; CELLS]) -> Vec<Bucket> {
    let mut below = 0;
    let buckets = BOUNDS_NS.iter().zip(cells).map(|(&bound_ns, count)| {
        below += count;
        Bucket {
            cumulative_count: Some(below),
            upper_bound: Some(bound_ns as f64 / 1e9),
        }
    });
    buckets.collect()
}

/// Runs of buckets without a gap, and the difference of each bucket's count to the one before. An empty histogram has
/// one run without buckets, by which it is known as a native one.
fn spans(native: &Native) -> (Vec<BucketSpan>, Vec<i64>) {
    let mut spans: Vec<BucketSpan> = Vec::new();
    let mut deltas = Vec::new();
    let (mut next, mut before) = (0, 0);
    for (&index, &count) in &native.buckets {
        match spans.last_mut() {
            Some(span) if index == next => span.length = Some(span.length() + 1),
            _ => spans.push(BucketSpan {
                offset: Some(index - next),
                length: Some(1),
            }),
        }
        deltas.push(count as i64 - before);
        (next, before) = (index + 1, count as i64);
    }
    if spans.is_empty() {
        spans.push(BucketSpan {
            offset: Some(0),
            length: Some(0),
        });
    }
    (spans, deltas)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps_begin_spans() {
        let native = Native {
            schema: 0,
            zero: 0,
            buckets: [(-3, 4), (-2, 1), (2, 7)].into(),
        };
        let (spans, deltas) = spans(&native);
        let spans: Vec<_> = spans.iter().map(|it| (it.offset(), it.length())).collect();
        assert_eq!((spans, deltas), (vec![(-3, 2), (3, 1)], vec![4, -3, 6]));
    }

    #[test]
    fn an_empty_histogram_is_a_native_one() {
        let empty = histogram(&RisingDurations::default());
        let span = (
            empty.positive_span[0].offset(),
            empty.positive_span[0].length(),
        );
        assert_eq!((span, empty.sample_count()), ((0, 0), 0));
    }
}
