//! A style that hangs: the order holds, the line goes on plain, and the threads that are lost are bounded.

use super::*;
use std::sync::{
    atomic::{AtomicBool, Ordering},
    mpsc,
};
use transformer_api::{Line, Transformer};

/// Loops on lines that say so, until it is let go.
struct Loops(Arc<AtomicBool>);

impl Transformer for Loops {
    fn name(&self) -> &'static str {
        "loops"
    }
    fn description(&self) -> &'static str {
        ""
    }
    fn sample(&self) -> &'static str {
        "hi"
    }
    fn transform(&self, line: Line<'_>) -> String {
        while line.text.contains("loop") && !self.0.load(Ordering::Relaxed) {
            std::hint::spin_loop();
        }
        assert!(!line.text.contains("panic"), "poison");
        format!("{}!", line.text)
    }
}

struct Bench {
    stage: Stage,
    let_go: Arc<AtomicBool>,
    answers: mpsc::Receiver<(usize, Option<String>)>,
    answer: mpsc::Sender<(usize, Option<String>)>,
    put: usize,
}

impl Bench {
    fn new() -> Self {
        let let_go = Arc::new(AtomicBool::new(false));
        let (answer, answers) = mpsc::channel();
        let stage = Stage::new(Voice::new(Arc::new(Loops(let_go.clone()))));
        Self { stage, let_go, answers, answer, put: 0 }
    }

    fn put(&mut self, text: &str) -> Result<(), Full> {
        let (number, answer) = (self.put, self.answer.clone());
        self.put += 1;
        self.stage.put(Seed(0), text.to_owned(), move |said| {
            let _ = answer.send((number, said));
        })
    }

    /// The next answer, while a watch in a hurry looks after the stage.
    fn next(&self) -> (usize, Option<String>) {
        loop {
            match self.answers.try_recv() {
                Ok(answer) => return answer,
                Err(_) => {
                    self.stage.watch(Instant::now());
                    thread::yield_now();
                }
            }
        }
    }

    fn left_behind(&self) -> u32 {
        self.stage.0.state.lock().left_behind
    }
}

impl Drop for Bench {
    fn drop(&mut self) {
        self.let_go.store(true, Ordering::Relaxed);
    }
}

#[test]
fn answers_come_in_the_order_of_the_lines_whatever_the_style_does() {
    let mut bench = Bench::new();
    for text in ["a", "panic", "b", "loop", "c", "d"] {
        bench.put(text).unwrap();
    }
    let said: Vec<_> = (0..6).map(|_| bench.next()).collect();
    let expected = [Some("a!"), None, Some("b!"), None, Some("c!"), Some("d!")];
    for (number, expected) in expected.into_iter().enumerate() {
        assert_eq!(said[number], (number, expected.map(str::to_owned)));
    }
    assert_eq!(bench.left_behind(), 1);
}

#[test]
fn a_style_that_hangs_again_and_again_is_switched_off_until_a_thread_comes_back() {
    let mut bench = Bench::new();
    for text in ["loop", "loop", "loop", "a"] {
        bench.put(text).unwrap();
    }
    for number in 0..4 {
        assert_eq!(bench.next(), (number, None));
    }
    assert_eq!(bench.left_behind(), LEFT_BEHIND_MAX, "no third thread was risked");
    bench.let_go.store(true, Ordering::Relaxed);
    while bench.left_behind() > 0 {
        thread::yield_now();
    }
    bench.put("b").unwrap();
    assert_eq!(bench.next(), (4, Some("b!".to_owned())));
}

#[test]
fn what_waits_is_bounded() {
    let mut bench = Bench::new();
    bench.put("loop").unwrap();
    while bench.stage.0.state.lock().current.is_none() {
        thread::yield_now();
    }
    for _ in 0..WAITING_MAX {
        bench.put("a").unwrap();
    }
    assert_eq!(bench.put("b"), Err(Full));
    for number in 0..=WAITING_MAX {
        assert_eq!(bench.next().0, number);
    }
}
