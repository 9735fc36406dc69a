//! What the processes of a run say to each other: one JSON object a line, over standard input and output.
//!
//! The run gives each worker a [`Plan`], then says when to begin and when it is over ([`Word`]); the worker answers with
//! [`Told`]. It knows neither side. All processes are on one machine and share its monotonic clock.

use crate::{dialect::Dialect, judge::Findings};
use hdrhistogram::Histogram;
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    net::{Ipv4Addr, SocketAddrV4},
};

/// What one worker has to do. Times are in seconds from the begin; negative ones, for those who warm up, do not occur:
/// the warm-up is the first part of the run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Plan {
    pub dialect: Dialect,
    /// Where viewers and writers connect to, in turn.
    pub read_at: Vec<SocketAddrV4>,
    pub write_at: Vec<SocketAddrV4>,
    /// Addresses of this machine to connect from, in turn.
    pub from: Vec<Ipv4Addr>,
    pub core: Option<usize>,
    pub rooms: Vec<Room>,
    /// Access tokens; empty ones where the server knows no accounts.
    pub writers: Vec<String>,
    /// The number of this worker's first message.
    pub first_number: u32,
    pub text_bytes: usize,
    /// What is said instead of words of that length, as it stands in JSON.
    pub lines: Vec<String>,
    /// So many messages are always under way, each until all viewers have it; none: rates are followed.
    pub under_way: Option<usize>,
    pub warm_seconds: f64,
    pub seconds: f64,
    pub connect_seconds_max: f64,
    /// Connections that may be opening at the same time.
    pub opening_max: usize,
    pub slow_bytes_per_second: u64,
    pub kills: Vec<Kill>,
    /// Of this run alone: part of every nonce.
    pub run: String,
}

/// A room and this worker's part in it.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Room {
    pub slug: String,
    /// Seconds of the run and messages a second, straight lines between.
    pub rate: Vec<(f64, f64)>,
    pub crowds: Vec<Crowd>,
}

/// Viewers that come together.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Crowd {
    pub viewers: usize,
    /// As the protocol names them: `full`, `readable`, `auto`.
    pub feed: String,
    pub history: u32,
    /// They read no faster than the plan's slow rate.
    pub slow: bool,
    /// The share that asks for compressed messages, from 0 to 1.
    pub compressed: f64,
    /// When they come; without it, before the begin.
    pub at: Option<f64>,
    /// Spread over so many seconds.
    pub within: f64,
}

impl Crowd {
    /// Does the viewer of this number ask for compressed messages? They are spread among the others.
    pub fn deflates(&self, number: usize) -> bool {
        #[allow(clippy::cast_precision_loss)] // a number of viewers
        let up_to = |number: usize| (number as f64 * self.compressed + 1e-9).floor();
        up_to(number + 1) > up_to(number)
    }
}

/// Connections of viewers that break, and come back.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Kill {
    pub at: f64,
    /// Of all viewers, from 0 to 1.
    pub share: f64,
    /// They come back spread over so many seconds.
    pub within: f64,
}

/// What the run says to a worker, after the plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// The run begins at this time.
    Begin { at: u64 },
    /// Nothing more will come.
    Finish,
}

/// What a worker says.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Told {
    /// All who are there from the begin are there.
    Ready { connected: usize, took_ms: u64 },
    /// A second, or a part of it, is over.
    Sample(Box<Sample>),
    /// The last thing it says.
    Final(Box<Tally>),
    /// It cannot go on.
    Failed(String),
}

/// Counts since the begin.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Counts {
    pub offered: u64,
    /// Due, and not even written: no writer was connected, or none took more.
    pub unsent: u64,
    pub accepted: u64,
    /// By code.
    pub refused: BTreeMap<String, u64>,
    /// Messages shown to viewers, all together.
    pub shown: u64,
    pub gaps: u64,
    /// Viewers that were told a gap, each counted once.
    pub fell: u64,
    pub bytes: u64,
    /// So many more they would have been without compression.
    pub saved: u64,
    /// Reads of the network that brought messages.
    pub reads: u64,
    /// Connections that the other side ended.
    pub ended: u64,
    /// Those that were begun and did not come about.
    pub failed: u64,
    /// Times that a viewer came back.
    pub back: u64,
    /// Of them, with all it had missed.
    pub recovered: u64,
}

impl Counts {
    pub fn refused(&self) -> u64 {
        self.refused.values().sum()
    }

    pub fn add(&mut self, other: &Self) {
        for (code, count) in &other.refused {
            *self.refused.entry(code.clone()).or_default() += count;
        }
        let theirs = [
            other.offered,
            other.unsent,
            other.accepted,
            other.shown,
            other.gaps,
            other.fell,
            other.bytes,
            other.saved,
            other.reads,
            other.ended,
            other.failed,
            other.back,
            other.recovered,
        ];
        let ours = [
            &mut self.offered,
            &mut self.unsent,
            &mut self.accepted,
            &mut self.shown,
            &mut self.gaps,
            &mut self.fell,
            &mut self.bytes,
            &mut self.saved,
            &mut self.reads,
            &mut self.ended,
            &mut self.failed,
            &mut self.back,
            &mut self.recovered,
        ];
        ours.into_iter().zip(theirs).for_each(|(sum, count)| *sum += count);
    }
}

/// A worker in the middle of its work.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Sample {
    /// Seconds since the begin.
    pub at: f64,
    pub counts: Counts,
    /// Connected now.
    pub viewers: usize,
    pub writers: usize,
    /// Latencies since the sample before.
    pub acks: Latencies,
    pub shown: Latencies,
    /// Processor seconds of the worker so far.
    pub cpu: f64,
    pub rooms: Vec<RoomCounts>,
    /// Messages that viewers still have to see, of those that this worker knows of.
    pub behind: u64,
}

/// What a worker knows of a room.
#[derive(Clone, Copy, Debug, Default, Serialize, Deserialize)]
pub struct RoomCounts {
    pub sent: u64,
    pub accepted: u64,
    pub refused: u64,
    /// Messages of this run that its viewers saw, each counted once.
    pub seen: u64,
    /// Viewers that have to see all of them.
    pub whole: usize,
    /// Shown to viewers, all together.
    pub shown: u64,
}

/// What came of it all.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Tally {
    pub last: Sample,
    pub findings: Findings,
    /// From when a message was due, in the measured part.
    pub acks: Latencies,
    pub shown: Latencies,
    /// From when a viewer was to come until it had joined, for those who came while it ran.
    pub joins: Latencies,
    /// The same for those who came back.
    pub back: Latencies,
    /// What went wrong with connections; the first few.
    pub words: Vec<String>,
}

/// Microseconds and how often.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct Latencies(Vec<(u64, u64)>);

/// Longer ones are told as this long.
const LATENCY_US_MAX: u64 = 600_000_000;

/// An empty histogram of microseconds: three digits, up to ten minutes.
pub fn histogram() -> Histogram<u64> {
    Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).expect("three digits are allowed")
}

impl Latencies {
    pub fn of(histogram: &Histogram<u64>) -> Self {
        Self(histogram.iter_recorded().map(|v| (v.value_iterated_to(), v.count_at_value())).collect())
    }

    pub fn add_to(&self, histogram: &mut Histogram<u64>) {
        for (value, count) in &self.0 {
            histogram.saturating_record_n(*value, *count);
        }
    }

    pub fn histogram(&self) -> Histogram<u64> {
        let mut histogram = histogram();
        self.add_to(&mut histogram);
        histogram
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_share_of_the_viewers_asks_for_compressed_messages() {
        let crowd = |compressed| Crowd {
            viewers: 10,
            feed: "full".into(),
            history: 0,
            slow: false,
            compressed,
            at: None,
            within: 0.0,
        };
        for (share, count) in [(0.0, 0), (0.3, 3), (0.5, 5), (1.0, 10)] {
            let crowd = crowd(share);
            assert_eq!((0..10).filter(|number| crowd.deflates(*number)).count(), count, "{share}");
        }
    }

    #[test]
    fn latencies_come_over_whole() {
        let mut first = histogram();
        for value in [0, 1, 999, 1_000, 123_456, u64::MAX] {
            first.saturating_record(value);
        }
        let line = serde_json::to_string(&Latencies::of(&first)).unwrap();
        let second = serde_json::from_str::<Latencies>(&line).unwrap().histogram();
        assert_eq!(second, first);
    }

    #[test]
    fn counts_of_workers_add_up() {
        let one = Counts { accepted: 2, refused: [("overloaded".to_owned(), 3)].into(), ..Counts::default() };
        let mut sum = one.clone();
        sum.add(&one);
        assert_eq!((sum.accepted, sum.refused(), sum.back), (4, 6, 0));
    }
}
