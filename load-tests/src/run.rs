//! One run of a scenario: accounts, workers, the clock, and the end, when everybody has what was accepted.
//!
//! Workers are processes of this same program, so that viewers fit below the limit on open files and one stalled loop
//! stalls no other. What the figures look like is [`crate::report`]'s business. Start with [`Run::play`].

use crate::{
    cost::{self, Use, Watched},
    dialect::Dialect,
    judge::Findings,
    plan::{Counts, Latencies, Plan, RoomCounts, Sample, Tally, Told, Word},
    scenario::{Scenario, Stage},
    stamp,
};
use client::{Error, Rest};
use hdrhistogram::Histogram;
use protocol::codes::ErrorCode;
use std::{
    env,
    io::{BufRead as _, BufReader, Write as _},
    net::SocketAddr,
    process::{Child, ChildStdin, Command, Stdio},
    sync::{
        Arc,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};
use tokio::{runtime::Runtime, sync::Semaphore, task::JoinSet};

const PASSWORD: &str = "correct horse battery";
/// Log-ins under way: each costs the server a password hash.
const LOGINS_MAX: usize = 4;
/// Between the word to begin and the begin.
const LEAD_US: u64 = 200_000;
/// If nothing more comes for so long at the end, nothing will; a server on a machine that is full may stand still for seconds.
const QUIET_MAX: Duration = Duration::from_secs(10);
/// How long a worker on a busy machine may take to tell of a second that is over.
const SAMPLE_WAIT_MAX: Duration = Duration::from_millis(500);
/// How long a worker may take for its last word.
const LAST_WORD_MAX: Duration = Duration::from_secs(60);

/// What is played, where, and who is watched.
pub struct Run {
    pub scenario: Scenario,
    pub stage: Stage,
    pub watched: Vec<Watched>,
    /// Where the persisters' lag and the reads of the store are read.
    pub lag: Option<SocketAddr>,
    /// Told while it runs, to standard error.
    pub progress: bool,
}

/// One second of a run, all workers together.
#[derive(Clone, Debug)]
pub struct Second {
    pub at: f64,
    pub counts: Counts,
    pub viewers: usize,
    pub acks: Histogram<u64>,
    pub shown: Histogram<u64>,
    /// Processor seconds of all workers so far, and of those who are watched.
    pub generator_cpu: f64,
    pub watched: Vec<Use>,
    pub lag: Option<u64>,
}

/// All that is known at the end.
pub struct Outcome {
    pub viewers: usize,
    pub writers: usize,
    pub workers: usize,
    pub connected: usize,
    pub connect_seconds: f64,
    /// Of those who are watched: before anybody connected, and when all were there.
    pub before: Vec<Use>,
    pub ready: Vec<Use>,
    pub seconds: Vec<Second>,
    pub tallies: Vec<Tally>,
    pub findings: Findings,
    /// Accepted, and seen by none of a worker's viewers who had to see it.
    pub unseen: u64,
    /// Seen, and neither accepted nor without an answer.
    pub unexplained: u64,
    pub drain_seconds: f64,
    /// Reads of the store for rooms' pasts while all this went on; none if nobody says.
    pub store_reads: Option<u64>,
}

struct Worker {
    child: Child,
    input: ChildStdin,
    ready: Option<(usize, u64)>,
    sample: Option<Sample>,
    tally: Option<Tally>,
}

impl Worker {
    fn told_of(&self, second: f64) -> bool {
        self.sample.as_ref().is_some_and(|sample| sample.at >= second - 1e-3)
    }
}

struct Workers {
    all: Vec<Worker>,
    told: Receiver<(usize, Option<Told>)>,
}

impl Drop for Workers {
    fn drop(&mut self) {
        for worker in &mut self.all {
            // It may have ended by itself.
            let _ = worker.child.kill();
            let _ = worker.child.wait();
        }
    }
}

impl Run {
    /// Plays it to the end.
    ///
    /// # Errors
    /// It could not be played; the words are for people.
    pub fn play(mut self) -> Result<Outcome, String> {
        let runtime = Runtime::new().map_err(|error| format!("the runtime: {error}"))?;
        let twitchy = self.stage.dialect == Dialect::Twitchy;
        let tokens = if twitchy {
            runtime.block_on(self.prepare())?
        } else {
            for (number, room) in self.scenario.rooms.iter_mut().enumerate() {
                room.slug = format!("room{number}");
            }
            vec![String::new(); self.scenario.writers]
        };
        let plans = self.scenario.plans(&tokens, &self.stage);
        let use_now = |watched: &[Watched]| watched.iter().map(Watched::used).collect::<Vec<_>>();
        let before = use_now(&self.watched);
        let figures = || self.lag.and_then(|address| runtime.block_on(cost::figures(address)));
        let reads_before = figures().map(|figures| figures.store_reads);
        if self.progress {
            let connections = self.scenario.viewers() + self.scenario.writers;
            eprint!("connecting up to {connections} viewers and writers   ");
        }
        let mut workers = Workers::start(&plans)?;
        let patience = Duration::from_secs_f64(self.stage.connect_seconds_max + 30.0);
        workers.until(patience, |worker| worker.ready.is_some())?;
        let all_ready = workers.all.iter().filter_map(|worker| worker.ready);
        let (connected, took) = all_ready.fold((0, 0), |(sum, most), (n, ms)| (sum + n, most.max(ms)));
        // What a join leaves behind settles before memory is read.
        thread::sleep(Duration::from_secs(1));
        let ready = use_now(&self.watched);
        let begin = stamp::now() + LEAD_US;
        workers.say(&Word::Begin { at: begin })?;
        let mut outcome = Outcome {
            viewers: self.scenario.viewers(),
            writers: self.scenario.writers,
            workers: plans.len(),
            connected,
            #[allow(clippy::cast_precision_loss)] // milliseconds
            connect_seconds: took as f64 / 1e3,
            before,
            ready,
            seconds: Vec::new(),
            tallies: Vec::new(),
            findings: Findings::default(),
            unseen: 0,
            unexplained: 0,
            drain_seconds: 0.0,
            store_reads: None,
        };
        let mut second = 0_u32;
        let end =
            begin + u64::try_from(Duration::from_secs_f64(self.scenario.seconds).as_micros()).unwrap_or(0);
        let mut marks = vec![use_now(&self.watched)];
        loop {
            let next = begin + u64::from(second + 1) * 1_000_000;
            if next > end {
                break;
            }
            workers.listen(Duration::from_micros(next.saturating_sub(stamp::now())))?;
            second += 1;
            marks.push(use_now(&self.watched));
            let lag = figures().and_then(|figures| figures.lag);
            // Workers speak at the same moment; what comes too late is in the next second.
            let patience = Instant::now() + SAMPLE_WAIT_MAX;
            while !workers.all.iter().all(|worker| worker.told_of(f64::from(second)))
                && Instant::now() < patience
            {
                workers.listen(Duration::from_millis(5))?;
            }
            let told = Second::of(&mut workers, f64::from(second), marks[marks.len() - 1].clone(), lag);
            if self.progress {
                progress(&told, self.scenario.seconds);
            }
            outcome.seconds.push(told);
        }
        outcome.drain_seconds = self.drain(&mut workers, end, twitchy)?;
        let reads = figures().map(|figures| figures.store_reads);
        outcome.store_reads = reads.zip(reads_before).map(|(now, before)| now.saturating_sub(before));
        workers.say(&Word::Finish)?;
        workers.until(LAST_WORD_MAX, |worker| worker.tally.is_some())?;
        outcome.tallies = workers.all.iter_mut().filter_map(|worker| worker.tally.take()).collect();
        if self.progress {
            eprintln!();
        }
        outcome.judge(&plans, twitchy);
        Ok(outcome)
    }

    /// Rooms get their names, writers their accounts.
    async fn prepare(&mut self) -> Result<Vec<String>, String> {
        let at = SocketAddr::V4(self.stage.write_at[0]);
        let rooms = Rest::new(at).rooms().await.map_err(|error| format!("{at}: {error}"))?;
        let known: Vec<_> = rooms.into_iter().map(|room| room.slug).collect();
        self.scenario.name_rooms(&known)?;
        let (places, mut tasks) = (Arc::new(Semaphore::new(LOGINS_MAX)), JoinSet::new());
        for number in 0..self.scenario.writers {
            let places = places.clone();
            tasks.spawn(async move {
                let _place = places.acquire_owned().await;
                (number, token(at, number).await)
            });
        }
        let mut tokens = vec![String::new(); self.scenario.writers];
        while let Some(done) = tasks.join_next().await {
            let (number, token) = done.map_err(|error| error.to_string())?;
            tokens[number] = token?;
        }
        Ok(tokens)
    }

    /// Waits until every viewer has what was accepted, or nothing more comes.
    fn drain(&self, workers: &mut Workers, end: u64, twitchy: bool) -> Result<f64, String> {
        let begin = Instant::now();
        let most = Duration::from_secs_f64(self.scenario.drain_seconds);
        let (mut quiet, mut before) = (Instant::now(), None);
        while begin.elapsed() < most {
            workers.listen(Duration::from_millis(100))?;
            let samples: Vec<&Sample> =
                workers.all.iter().filter_map(|worker| worker.sample.as_ref()).collect();
            #[allow(clippy::cast_precision_loss)] // a time of the run
            let after_end = samples
                .iter()
                .all(|s| s.at * 1e6 + 1e5 >= (self.scenario.seconds * 1e6) && end <= stamp::now());
            if after_end && samples.len() == workers.all.len() && is_done(&samples, twitchy) {
                break;
            }
            let now: Vec<_> =
                samples.iter().map(|s| (s.counts.shown, s.counts.accepted, s.behind, s.viewers)).collect();
            if before.as_ref() != Some(&now) {
                (quiet, before) = (Instant::now(), Some(now));
            } else if quiet.elapsed() > QUIET_MAX {
                break;
            }
        }
        Ok(begin.elapsed().as_secs_f64())
    }
}

/// Does everybody have what was accepted?
fn is_done(samples: &[&Sample], twitchy: bool) -> bool {
    let sum = rooms(samples);
    let answered =
        samples.iter().all(|s| s.counts.offered == s.counts.unsent + s.counts.accepted + s.counts.refused());
    if !twitchy {
        let all: u64 = sum.iter().map(|room| room.shown).sum();
        return all >= sum.iter().map(|room| room.sent * room.whole as u64).sum();
    }
    answered
        && samples.iter().all(|sample| {
            let mut rooms = sample.rooms.iter().zip(&sum);
            sample.behind == 0 && rooms.all(|(here, all)| here.whole == 0 || here.seen >= all.accepted)
        })
}

/// What all workers know of each room.
fn rooms(samples: &[&Sample]) -> Vec<RoomCounts> {
    let mut sum = vec![RoomCounts::default(); samples.first().map_or(0, |sample| sample.rooms.len())];
    for room in samples.iter().flat_map(|sample| sample.rooms.iter().enumerate()) {
        let (sum, room) = (&mut sum[room.0], room.1);
        sum.sent += room.sent;
        sum.accepted += room.accepted;
        sum.refused += room.refused;
        sum.whole += room.whole;
        sum.shown += room.shown;
    }
    sum
}

async fn token(at: SocketAddr, number: usize) -> Result<String, String> {
    let failed = |error: Error| format!("writer {number} at {at}: {error}");
    let (rest, name) = (Rest::new(at), format!("load_{number}"));
    let token = match rest.register(&name, PASSWORD).await {
        Err(error) if error.code() == Some(ErrorCode::UsernameTaken) => rest.login(&name, PASSWORD).await,
        answer => answer,
    };
    Ok(token.map_err(failed)?.access_token)
}

fn progress(second: &Second, seconds: f64) {
    let ms = |of: &Histogram<u64>| {
        #[allow(clippy::cast_precision_loss)] // microseconds
        let ms = of.value_at_quantile(0.99) as f64 / 1e3;
        ms
    };
    let Second { at, counts, viewers, .. } = second;
    eprint!(
        "\r{at:.0} of {seconds:.0} s: {viewers} viewers, {} accepted, {} refused, {} shown, p99 {:.1} ms   ",
        counts.accepted,
        counts.refused(),
        counts.shown,
        ms(&second.shown)
    );
}

impl Workers {
    fn start(plans: &[Plan]) -> Result<Self, String> {
        let program = env::current_exe().map_err(|error| format!("this program: {error}"))?;
        let (say, told) = mpsc::channel();
        let mut workers = Self { all: Vec::new(), told };
        for (number, plan) in plans.iter().enumerate() {
            let mut command = Command::new(&program);
            command.arg("worker").stdin(Stdio::piped()).stdout(Stdio::piped());
            let mut child = command.spawn().map_err(|error| format!("a worker: {error}"))?;
            let (input, output) = (child.stdin.take(), child.stdout.take());
            let (Some(mut input), Some(output)) = (input, output) else {
                return Err("a worker: no pipes".into());
            };
            let mut line = serde_json::to_vec(plan).map_err(|error| error.to_string())?;
            line.push(b'\n');
            input.write_all(&line).map_err(|error| format!("a worker: {error}"))?;
            workers.all.push(Worker { child, input, ready: None, sample: None, tally: None });
            let say = say.clone();
            thread::spawn(move || {
                for line in BufReader::new(output).lines().map_while(Result::ok) {
                    let told =
                        serde_json::from_str(&line).unwrap_or_else(|e| Told::Failed(format!("{e}: {line}")));
                    if say.send((number, Some(told))).is_err() {
                        return;
                    }
                }
                // It is over. If that was expected, nobody listens.
                let _ = say.send((number, None));
            });
        }
        Ok(workers)
    }

    fn say(&mut self, word: &Word) -> Result<(), String> {
        let mut line = serde_json::to_vec(word).map_err(|error| error.to_string())?;
        line.push(b'\n');
        for worker in &mut self.all {
            worker.input.write_all(&line).map_err(|error| format!("a worker: {error}"))?;
        }
        Ok(())
    }

    /// Listens for so long.
    fn listen(&mut self, time: Duration) -> Result<(), String> {
        let end = Instant::now() + time;
        loop {
            match self.told.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok((number, told)) => self.take(number, told)?,
                Err(RecvTimeoutError::Timeout) => return Ok(()),
                Err(RecvTimeoutError::Disconnected) => return Err("all workers are gone".into()),
            }
        }
    }

    fn until(&mut self, time: Duration, done: impl Fn(&Worker) -> bool) -> Result<(), String> {
        let end = Instant::now() + time;
        while !self.all.iter().all(&done) {
            match self.told.recv_timeout(end.saturating_duration_since(Instant::now())) {
                Ok((number, told)) => self.take(number, told)?,
                Err(_) => return Err("a worker did not answer in time".into()),
            }
        }
        Ok(())
    }

    fn take(&mut self, number: usize, told: Option<Told>) -> Result<(), String> {
        let worker = &mut self.all[number];
        match told {
            Some(Told::Ready { connected, took_ms }) => worker.ready = Some((connected, took_ms)),
            Some(Told::Sample(new)) => {
                let mut new = *new;
                if let Some(old) = &worker.sample {
                    // What nobody has taken yet stays.
                    new.acks = merged(&old.acks, &new.acks);
                    new.shown = merged(&old.shown, &new.shown);
                }
                worker.sample = Some(new);
            }
            Some(Told::Final(tally)) => worker.tally = Some(*tally),
            Some(Told::Failed(words)) => return Err(format!("a worker: {words}")),
            None if worker.tally.is_some() => {}
            None => return Err("a worker ended too early".into()),
        }
        Ok(())
    }
}

fn merged(one: &Latencies, other: &Latencies) -> Latencies {
    let mut histogram = one.histogram();
    other.add_to(&mut histogram);
    Latencies::of(&histogram)
}

impl Second {
    /// Takes the latencies out of the samples, so that they are in one second only.
    fn of(workers: &mut Workers, at: f64, watched: Vec<Use>, lag: Option<u64>) -> Self {
        let mut second = Self {
            at,
            counts: Counts::default(),
            viewers: 0,
            acks: crate::plan::histogram(),
            shown: crate::plan::histogram(),
            generator_cpu: 0.0,
            watched,
            lag,
        };
        for sample in workers.all.iter_mut().filter_map(|worker| worker.sample.as_mut()) {
            second.counts.add(&sample.counts);
            second.viewers += sample.viewers;
            std::mem::take(&mut sample.acks).add_to(&mut second.acks);
            std::mem::take(&mut sample.shown).add_to(&mut second.shown);
            second.generator_cpu += sample.cpu;
        }
        second
    }
}

impl Outcome {
    /// What was promised and not kept, beyond what each worker found by itself.
    fn judge(&mut self, plans: &[Plan], twitchy: bool) {
        let samples: Vec<&Sample> = self.tallies.iter().map(|tally| &tally.last).collect();
        let sum = rooms(&samples);
        for tally in &self.tallies {
            self.findings.add(tally.findings);
        }
        for (index, all) in sum.iter().enumerate() {
            let doubtful = all.sent - all.accepted.min(all.sent) - all.refused;
            if !twitchy {
                let expected = all.sent * all.whole as u64;
                self.findings.lost += expected.saturating_sub(all.shown);
                self.findings.doubles += all.shown.saturating_sub(expected);
                continue;
            }
            for (sample, plan) in samples.iter().zip(plans) {
                let (here, room) = (&sample.rooms[index], &plan.rooms[index]);
                // Only a worker with viewers who were there throughout and were shown everything knows all. What was
                // told to all of them as a gap is in no order.
                let throughout = room.crowds.iter().any(|c| c.at.is_none() && c.feed == "full" && !c.slow);
                if throughout && plan.kills.is_empty() && sample.counts.gaps == 0 {
                    self.unseen += all.accepted.saturating_sub(here.seen);
                }
                self.unexplained += here.seen.saturating_sub(all.accepted + doubtful);
            }
        }
    }

    /// Did the server keep its promises?
    pub fn is_clean(&self) -> bool {
        self.findings.is_clean() && self.unseen == 0 && self.unexplained == 0
    }

    /// Latencies of all workers together.
    pub fn latencies(&self, of: impl Fn(&Tally) -> &Latencies) -> Histogram<u64> {
        let mut all = crate::plan::histogram();
        self.tallies.iter().for_each(|tally| of(tally).add_to(&mut all));
        all
    }

    /// Counts at the very end.
    pub fn counts(&self) -> Counts {
        let mut all = Counts::default();
        self.tallies.iter().for_each(|tally| all.add(&tally.last.counts));
        all
    }
}
