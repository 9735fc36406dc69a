//! One user that writes: says something, waits for the answer, and asks again until there is one.

use super::{ANSWER_TIME_MAX, Error, Shared, failed, pause::Pauses, refusal, text};
use crate::history::{Event, Outcome, Send};
use client::{Error as ClientError, Options as SocketOptions, Rest, Socket};
use protocol::codes::ErrorCode;
use rand::{RngExt, rngs::StdRng};
use std::{sync::Arc, time::Duration};
use tokio::{
    sync::watch,
    time::{Instant, MissedTickBehavior},
};

/// Messages that are said at once, without waiting for the answers between them, now and then.
const BURST_MAX: usize = 16;
/// How often a sender goes without waiting for the answer, as one does whose network is gone.
const IMPATIENCE: f64 = 0.04;
/// Each fourth writer uses REST.
const REST_EVERY: usize = 4;

pub(super) struct Writer {
    shared: Arc<Shared>,
    number: usize,
    /// Which gateway it is at.
    turn: usize,
    user: String,
    password: String,
    rest: Rest,
    socket: Option<Socket>,
    choices: StdRng,
    pauses: Pauses,
    said: u64,
}

/// Something to say.
struct Draft {
    room: String,
    nonce: String,
    text: String,
    /// An attempt at one of several gateways had no answer. What another one refuses is then that attempt alone: the
    /// earlier one may still be on its way.
    afloat: bool,
}

impl Writer {
    pub(super) async fn register(shared: &Arc<Shared>, number: usize) -> Result<Self, Error> {
        let user = shared.run.user(number);
        let password = format!("correct horse {user}");
        let anonymous = shared.rest(number);
        let token = match anonymous.register(&user, &password).await {
            Err(error) if error.code() == Some(ErrorCode::UsernameTaken) => {
                anonymous.login(&user, &password).await
            }
            answer => answer,
        };
        let token = token.map_err(failed(format!("no account for {user}")))?.access_token;
        Ok(Self {
            rest: anonymous.bearer(&token),
            shared: shared.clone(),
            number,
            turn: number,
            user,
            password,
            socket: None,
            choices: shared.choices(1, number),
            pauses: Pauses::new(shared.choices(2, number)),
            said: 0,
        })
    }

    /// Until it is told to stop and knows what became of everything it said.
    pub(super) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let Options { rate, writers, .. } = self.pace();
        let mut ticks = (rate > 0.0).then(|| {
            let mut ticks = tokio::time::interval(Duration::from_secs_f64(writers / rate));
            ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
            ticks
        });
        let mut owed = 0_usize;
        loop {
            if let Some(ticks) = &mut ticks {
                tokio::select! {
                    _ = ticks.tick() => {}
                    _ = stop.changed() => return,
                }
            }
            if *stop.borrow() {
                return;
            }
            // A burst is followed by as many quiet turns, so that the rate holds.
            if owed > 0 && ticks.is_some() {
                owed -= 1;
                continue;
            }
            let burst =
                if self.choices.random_bool(0.15) { self.choices.random_range(2..=BURST_MAX) } else { 1 };
            owed = burst - 1;
            let drafts = (0..burst).map(|_| self.draft()).collect();
            self.say(drafts).await;
        }
    }

    fn pace(&self) -> Options {
        #[allow(clippy::cast_precision_loss)] // a number of tasks
        let writers = self.shared.options.writers as f64;
        Options { rate: self.shared.options.rate, writers }
    }

    fn draft(&mut self) -> Draft {
        let rooms = &self.shared.options.rooms;
        let room = rooms[self.choices.random_range(0..rooms.len())].clone();
        let nonce = self.shared.run.nonce(self.number, self.said);
        self.said += 1;
        let text = text::line(&nonce, self.shared.options.long, &mut self.choices);
        Draft { room, nonce, text, afloat: false }
    }

    /// Says these until each has a definite answer, or for too long.
    async fn say(&mut self, mut drafts: Vec<Draft>) {
        let deadline = Instant::now() + self.shared.options.give_up;
        loop {
            let attempt = if self.number % REST_EVERY == REST_EVERY - 1 {
                self.over_rest(&drafts).await
            } else {
                self.over_socket(&drafts).await
            };
            let several = self.shared.options.gateways.len() > 1;
            let mut answers = attempt.answered.into_iter();
            drafts.retain_mut(|draft| match answers.next() {
                Some(true) => false,
                Some(false) => {
                    draft.afloat = several;
                    true
                }
                // Nothing was sent.
                None => true,
            });
            if drafts.is_empty() {
                self.pauses.success();
                if let Some(wait) = attempt.wait {
                    self.pauses.after_failure(Some(wait)).await;
                }
                return;
            }
            if Instant::now() >= deadline {
                return;
            }
            self.pauses.after_failure(attempt.wait).await;
            self.next_gateway();
        }
    }

    /// What has no answer here is asked again elsewhere.
    fn next_gateway(&mut self) {
        self.turn += 1;
        let token = self.rest.token().unwrap_or_default().to_owned();
        self.rest = self.shared.rest(self.turn).bearer(&token);
        if let Some(socket) = self.socket.take() {
            socket.vanish();
        }
    }

    async fn over_rest(&mut self, drafts: &[Draft]) -> Attempt {
        let mut attempt = Attempt::default();
        for draft in drafts {
            let t0 = self.shared.now();
            let answer = self.rest.send(&draft.room, &draft.text, Some(&draft.nonce)).await;
            let answer = answer.map(|message| (message.id, message.seq));
            let unauthorized = answer.as_ref().is_err_and(must_log_in);
            self.answered(draft, t0, answer, &mut attempt);
            if unauthorized {
                self.log_in().await;
            }
        }
        attempt
    }

    async fn over_socket(&mut self, drafts: &[Draft]) -> Attempt {
        let mut attempt = Attempt::default();
        let mut socket = match self.take_socket().await {
            Ok(socket) => socket,
            Err(error) => {
                // Nothing was sent, so there is nothing to note.
                attempt.wait = refusal(&error).and_then(|(_, wait)| wait);
                return attempt;
            }
        };
        let mut sent = Vec::new();
        let mut broken = self.choices.random_bool(IMPATIENCE);
        for draft in drafts {
            sent.push(self.shared.now());
            if socket.submit(&draft.room, &draft.text, &draft.nonce).await.is_err() {
                broken = true;
                break;
            }
        }
        for (draft, t0) in drafts.iter().zip(sent) {
            let answer = if broken {
                Err(ClientError::TimedOut {
                    waiting_for: draft.nonce.clone(),
                    seen: "the connection was given up".to_owned(),
                })
            } else {
                socket.outcome(&draft.nonce).await.map(|ack| (ack.id, ack.seq))
            };
            broken |= answer.as_ref().is_err_and(|error| error.refusal().is_none() || must_log_in(error));
            self.answered(draft, t0, answer, &mut attempt);
        }
        if broken {
            socket.vanish();
        } else {
            self.socket = Some(socket);
        }
        attempt
    }

    /// The connection that there is, or a new one with a user on it.
    async fn take_socket(&mut self) -> Result<Socket, ClientError> {
        if let Some(mut socket) = self.socket.take() {
            // Nobody waits for them: `reconnect` and the like.
            socket.take_kept();
            return Ok(socket);
        }
        let options = SocketOptions { deadline: ANSWER_TIME_MAX, ..SocketOptions::default() };
        let mut socket = Socket::connect_with(self.shared.gateway(self.turn), options).await?;
        let token = self.rest.token().unwrap_or_default().to_owned();
        match socket.auth(&token).await {
            Ok(_) => Ok(socket),
            Err(error) => {
                if must_log_in(&error) {
                    self.log_in().await;
                }
                Err(error)
            }
        }
    }

    async fn log_in(&mut self) {
        let anonymous = self.shared.rest(self.turn);
        if let Ok(answer) = anonymous.login(&self.user, &self.password).await {
            self.rest = anonymous.bearer(&answer.access_token);
        }
    }

    fn answered(
        &self,
        draft: &Draft,
        t0: u64,
        answer: Result<(protocol::ids::MessageId, protocol::ids::Seq), ClientError>,
        attempt: &mut Attempt,
    ) {
        let t1 = self.shared.now();
        let outcome = match answer {
            Ok((id, seq)) => Outcome::Accepted { id, seq },
            Err(error) => match refusal(&error) {
                Some((code, wait)) => {
                    attempt.wait = attempt.wait.max(wait);
                    let code = code.as_str();
                    if draft.afloat {
                        Outcome::Unknown {
                            why: format!("refused as {code}, and an earlier attempt is afloat"),
                        }
                    } else {
                        Outcome::Rejected { code: code.to_owned() }
                    }
                }
                None => Outcome::Unknown { why: error.to_string() },
            },
        };
        attempt.answered.push(!matches!(outcome, Outcome::Unknown { .. }));
        if let Outcome::Accepted { seq, .. } = outcome {
            let mut newest = self.shared.newest.lock();
            let newest = newest.entry(draft.room.clone()).or_default();
            *newest = seq.max(*newest);
        }
        self.shared.progress.send_modify(|progress| match outcome {
            Outcome::Accepted { .. } => progress.accepted += 1,
            Outcome::Rejected { .. } => progress.rejected += 1,
            Outcome::Unknown { .. } => progress.unknown += 1,
        });
        self.shared.record(Event::Send(Send {
            t0,
            t1,
            user: self.user.clone(),
            room: draft.room.clone(),
            nonce: draft.nonce.clone(),
            text: draft.text.clone(),
            outcome,
        }));
    }
}

struct Options {
    rate: f64,
    writers: f64,
}

/// What became of some drafts, in their order; those beyond the end were not tried.
#[derive(Default)]
struct Attempt {
    answered: Vec<bool>,
    /// The longest wait that was asked for.
    wait: Option<Duration>,
}

fn must_log_in(error: &ClientError) -> bool {
    matches!(
        error.code(),
        Some(ErrorCode::Unauthorized | ErrorCode::TokenExpired | ErrorCode::AnonymousReadOnly)
    )
}
