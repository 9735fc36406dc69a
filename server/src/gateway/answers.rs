//! What a connection's messages became, taken together where it is known together: the log commits many messages at once,
//! and a write costs as much for one ack as for twenty.
//!
//! Most messages wait for a log of this process alone, which answers in the order it was asked in. They stand in line, and
//! only the first of them is looked at: whoever waits behind it needs no task and no waking of its own. What waits for
//! anything else stands aside. It knows no socket. Start with [`Answers::poll_ready`].

use super::outlet::SLICES_MAX;
use crate::rooms::accept::{InLine, Rejected};
use chat::nonces::Accepted;
use futures_util::{StreamExt, stream::FuturesUnordered};
use std::{
    collections::VecDeque,
    future::{Future, poll_fn},
    pin::Pin,
    task::{Context, Poll, ready},
    time::Instant,
};

/// Answers of one write, as many as it has slices. The rest has the next turn.
const ANSWERS_AT_ONCE: usize = SLICES_MAX;

/// What became of a message.
pub struct Outcome {
    /// The sender's key.
    pub nonce: String,
    /// When it was submitted.
    pub asked: Instant,
    /// Refusals with the name of the room.
    pub answer: Result<Accepted, (Rejected, String)>,
}

/// A message that stands in line for the log's answer.
pub struct Sent {
    /// The sender's key.
    pub nonce: String,
    /// When it was submitted.
    pub asked: Instant,
    /// What becomes of it.
    pub answer: InLine,
}

impl Future for Sent {
    type Output = Outcome;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome> {
        let answer = ready!(Pin::new(&mut self.answer).poll(context));
        let answer = answer.map_err(|rejected| (rejected, self.answer.room().slug().to_owned()));
        Poll::Ready(Outcome { nonce: std::mem::take(&mut self.nonce), asked: self.asked, answer })
    }
}

/// A message that was submitted, and waits for something of its own.
pub type Pending = Pin<Box<dyn Future<Output = Outcome> + Send>>;

/// The messages of a connection that are not answered yet. As many as a session lets be under way.
pub struct Answers<L> {
    in_line: VecDeque<L>,
    aside: FuturesUnordered<Pending>,
}

impl<L> Default for Answers<L> {
    fn default() -> Self {
        Self { in_line: VecDeque::new(), aside: FuturesUnordered::new() }
    }
}

impl<L: Future<Output = Outcome> + Unpin> Answers<L> {
    /// One more whose answer comes after those that stand in line.
    pub fn push_in_line(&mut self, waiting: L) {
        self.in_line.push_back(waiting);
    }

    /// One more whose answer may come at any time.
    pub fn push_aside(&mut self, waiting: Pending) {
        self.aside.push(waiting);
    }

    /// Waits for none?
    pub fn is_empty(&self) -> bool {
        self.in_line.is_empty() && self.aside.is_empty()
    }

    /// Those that are ready now, up to what one write takes; a lone one waits for nobody. Pending if there is none.
    pub fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Vec<Outcome>> {
        let mut ready = Vec::new();
        while ready.len() < ANSWERS_AT_ONCE
            && let Some(first) = self.in_line.front_mut()
            && let Poll::Ready(outcome) = Pin::new(first).poll(context)
        {
            self.in_line.pop_front();
            ready.push(outcome);
        }
        while ready.len() < ANSWERS_AT_ONCE
            && let Poll::Ready(Some(outcome)) = self.aside.poll_next_unpin(context)
        {
            ready.push(outcome);
        }
        if ready.is_empty() { Poll::Pending } else { Poll::Ready(ready) }
    }

    /// Waits for the next ones. Cancel-safe.
    pub async fn ready(&mut self) -> Vec<Outcome> {
        poll_fn(|context| self.poll_ready(context)).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::FutureExt;
    use std::time::Duration;
    use tokio::sync::oneshot;

    type Line = Pin<Box<dyn Future<Output = Outcome> + Send>>;

    fn waiting(number: usize) -> (oneshot::Sender<()>, Line) {
        let (tell, told) = oneshot::channel::<()>();
        let waiting = told.map(move |_| {
            let retry_after = Duration::from_millis(1);
            Outcome {
                nonce: number.to_string(),
                asked: Instant::now(),
                answer: Err((Rejected::Overloaded { retry_after }, String::new())),
            }
        });
        (tell, Box::pin(waiting))
    }

    fn nonces(outcomes: &[Outcome]) -> Vec<&str> {
        outcomes.iter().map(|outcome| outcome.nonce.as_str()).collect()
    }

    #[tokio::test]
    async fn answers_that_are_there_together_are_taken_together_and_a_lone_one_waits_for_nobody() {
        let mut answers = Answers::<Line>::default();
        let mut tell: Vec<_> = (0..6)
            .map(|number| {
                let (tell, waiting) = waiting(number);
                if number < 4 {
                    answers.push_in_line(waiting);
                } else {
                    answers.push_aside(waiting);
                }
                Some(tell)
            })
            .collect();
        let mut say = |number: usize| tell[number].take().unwrap().send(()).unwrap();

        say(0);
        assert_eq!(nonces(&answers.ready().await), ["0"]);
        for number in [1, 2, 5] {
            say(number);
        }
        assert_eq!(nonces(&answers.ready().await), ["1", "2", "5"]);
        // Whoever stands aside waits for nobody in line.
        say(4);
        assert_eq!(nonces(&answers.ready().await), ["4"]);
        assert!(answers.ready().now_or_never().is_none());

        // The last one was asked for without anybody to be woken; it is heard of all the same.
        assert!(!answers.is_empty());
        let last = tokio::spawn(async move { (nonces(&answers.ready().await).concat(), answers.is_empty()) });
        say(3);
        assert_eq!(last.await.unwrap(), ("3".to_owned(), true));
    }

    #[tokio::test]
    async fn one_write_takes_as_many_answers_as_it_has_slices() {
        let mut answers = Answers::<Line>::default();
        for number in 0..2 * ANSWERS_AT_ONCE {
            let (tell, waiting) = waiting(number);
            tell.send(()).unwrap();
            if number % 3 > 0 { answers.push_in_line(waiting) } else { answers.push_aside(waiting) }
        }
        assert_eq!(answers.ready().await.len(), ANSWERS_AT_ONCE);
        assert_eq!(answers.ready().await.len(), ANSWERS_AT_ONCE);
        assert!(answers.is_empty());
    }
}
